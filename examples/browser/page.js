// The page's half: connects in either role, chats, sends and fetches files, shows the connection's state.
// With ?selftest&role=offer (or answer) it does all of that by itself and posts what it saw to /report;
// with ?selftest=call it calls instead (see selftest.js).

import { Call, describe, describeCounted } from './call.js';
import { callTest } from './selftest.js';

const CHUNK = 16 * 1024;
const LOW = 256 * 1024;
const HIGH = 1024 * 1024;
const $ = (id) => document.getElementById(id);
const events = new EventTarget(); // what happened, for the self-test
const told = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));

let pc = null;
let chat = null;
let call = null;

async function post(path, value) {
  const reply = await fetch(path, { method: 'POST', body: JSON.stringify(value) });
  if (!reply.ok) throw new Error(`${path}: ${await reply.text()}`);
  return reply.json();
}

function note(text, kind = 'note') {
  const line = document.createElement('div');
  line.className = kind;
  line.textContent = text;
  $('log').append(line);
  line.scrollIntoView({ block: 'nearest' });
}

// ---- the connection

async function connect(role) {
  $('offer').disabled = $('answer').disabled = true;
  $('close').disabled = false;
  pc = new RTCPeerConnection();
  pc.onconnectionstatechange = () => {
    $('connection').textContent = pc.connectionState;
    note(`connection: ${pc.connectionState}`);
    told('state', pc.connectionState);
    if (['closed', 'failed'].includes(pc.connectionState)) ended();
  };
  pc.oniceconnectionstatechange = () => { $('ice').textContent = pc.iceConnectionState; };
  pc.ondatachannel = ({ channel }) => (channel.label === 'chat' ? adoptChat(channel) : receiveFile(channel));
  if (role === 'offer') {
    adoptChat(pc.createDataChannel('chat'));
    await pc.setLocalDescription();
    await gathered();
    await pc.setRemoteDescription(await post('/offer', { sdp: pc.localDescription.sdp }));
  } else {
    const { type, sdp, page } = await post('/start', {});
    await pc.setRemoteDescription({ type, sdp });
    await pc.setLocalDescription();
    await gathered();
    await post('/answer', { page, sdp: pc.localDescription.sdp });
  }
}

// The whole description at once keeps the signalling to one exchange.
function gathered() {
  return new Promise((done) => {
    const check = () => pc.iceGatheringState === 'complete' && done();
    pc.addEventListener('icegatheringstatechange', check);
    setTimeout(done, 3000);
    check();
  });
}

function ended() {
  $('offer').disabled = $('answer').disabled = false;
  $('close').disabled = true;
  for (const element of document.querySelectorAll('#say *, #file, #files button, #call *')) element.disabled = true;
  $('seen').replaceChildren();
}

async function showPath() {
  if (!pc || pc.connectionState !== 'connected') return;
  const stats = await pc.getStats();
  for (const item of stats.values()) {
    if (item.type !== 'transport') continue;
    const pair = stats.get(item.selectedCandidatePairId);
    const end = (id) => { const c = stats.get(id); return c ? `${c.address ?? '(hidden)'}:${c.port} ${c.candidateType}` : '?'; };
    if (pair) {
      $('path').textContent = `${end(pair.localCandidateId)} → ${end(pair.remoteCandidateId)}`;
      $('rtt').textContent = pair.currentRoundTripTime === undefined ? '–' : `${(pair.currentRoundTripTime * 1000).toFixed(1)} ms`;
    }
    $('cipher').textContent = `${item.tlsVersion ?? ''} ${item.dtlsCipher ?? ''} ${item.srtpCipher ?? ''}`;
  }
}

// ---- the call

const signal = (value) => chat.send(JSON.stringify(value));

// What came back, for as long as it comes.
function show(track, transceiver) {
  const element = document.createElement(track.kind);
  element.id = `back-${transceiver.mid}`;
  element.autoplay = element.playsInline = true;
  element.controls = track.kind === 'audio';
  element.srcObject = new MediaStream([track]);
  document.getElementById(element.id)?.remove();
  $('seen').append(element);
  track.onended = () => element.remove();
}

async function camera(offers) {
  const layers = $('layers').checked;
  const video = layers ? { width: 1280, height: 720 } : true;
  call.start(await navigator.mediaDevices.getUserMedia({ audio: true, video }), offers, layers);
}

async function screen() {
  call.start(await navigator.mediaDevices.getDisplayMedia({ video: true }));
}

async function showMedia() {
  if (!call || pc.connectionState !== 'connected') return;
  $('media').textContent = describe(await call.stats());
  if (call.began()) signal({ count: true });
}

// ---- chat: each message is {say}, {files}, {get}, {layer}, {count}, {counted}, or a description's {offer} or {answer}

function adoptChat(channel) {
  chat = channel;
  chat.onopen = () => {
    for (const element of document.querySelectorAll('#say *, #file, #call *')) element.disabled = false;
    call = new Call(pc, signal, show, told);
    told('open');
  };
  chat.onclose = () => note('the chat is closed');
  chat.onmessage = ({ data }) => {
    const { say, files, counted, ...rest } = JSON.parse(data);
    if (say !== undefined) { note(say, 'you'); told('said', say); }
    if (files) { listFiles(files); told('files', files); }
    if (counted) { $('counted').textContent = describeCounted(counted); told('counted', counted); }
    call?.heard(rest).catch((error) => { note(String(error)); told('problem', String(error)); });
  };
}

function say(text) {
  signal({ say: text });
  note(text, 'me');
}

// ---- files: a channel each; first {name, size}, then the bytes; the receiver ends with {sha256}

function listFiles(files) {
  $('files').replaceChildren(...files.map(({ name, size }) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.textContent = 'fetch';
    button.onclick = () => fetchFile(name);
    item.append(`${name} (${size} bytes) `, button);
    return item;
  }));
}

const fetchFile = (name) => signal({ get: name });

function progress(title, max) {
  const box = document.createElement('div');
  const label = document.createElement('div');
  const bar = document.createElement('progress');
  box.className = 'transfer';
  bar.max = max || 1;
  bar.value = 0;
  label.textContent = title;
  box.append(label, bar);
  $('transfers').prepend(box);
  const start = performance.now();
  return {
    at(bytes) {
      bar.value = bytes;
      const seconds = (performance.now() - start) / 1000;
      label.textContent = `${title}: ${bytes} of ${max} bytes, ${(bytes / 1e6 / Math.max(seconds, 1e-3)).toFixed(1)} MB/s`;
    },
    done(element) { label.append(' – ', element); },
  };
}

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function sendFile(file) {
  const channel = pc.createDataChannel('file');
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = LOW;
  const bar = progress(`sending ${file.name}`, file.size);
  const hash = digest(await file.arrayBuffer());
  const receipt = new Promise((done, fail) => {
    channel.onmessage = ({ data }) => done(JSON.parse(data).sha256);
    channel.onclose = () => fail(new Error('the file channel closed'));
  });
  receipt.catch(() => {}); // reported below, once the bytes are out
  if (channel.readyState !== 'open') await new Promise((done) => { channel.onopen = done; });
  channel.send(JSON.stringify({ name: file.name, size: file.size }));
  for (let sent = 0; sent < file.size; sent += CHUNK) {
    if (channel.bufferedAmount > HIGH) {
      await new Promise((done) => channel.addEventListener('bufferedamountlow', done, { once: true }));
    }
    channel.send(await file.slice(sent, sent + CHUNK).arrayBuffer());
    bar.at(Math.min(sent + CHUNK, file.size));
  }
  const theirs = await receipt;
  channel.onclose = null;
  channel.close();
  const right = theirs === await hash;
  bar.done(right ? 'arrived whole' : 'ARRIVED DAMAGED');
  told('sent', { name: file.name, right, sha256: theirs });
}

function receiveFile(channel) {
  channel.binaryType = 'arraybuffer';
  let head = null;
  let got = 0;
  let bar = null;
  const parts = [];
  const finish = async () => {
    const blob = new Blob(parts);
    const sha256 = await digest(await blob.arrayBuffer());
    channel.send(JSON.stringify({ sha256 }));
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = head.name;
    link.textContent = 'save';
    bar.done(link);
    told('fetched', { name: head.name, size: got, sha256 });
  };
  channel.onmessage = ({ data }) => {
    if (!head) {
      head = JSON.parse(data);
      bar = progress(`fetching ${head.name}`, head.size);
    } else {
      parts.push(data);
      got += data.byteLength;
      bar.at(got);
    }
    if (got === head.size) finish();
  };
}

// ---- a person's hands

$('offer').onclick = () => connect('offer').catch((error) => note(String(error)));
$('answer').onclick = () => connect('answer').catch((error) => note(String(error)));
$('close').onclick = () => { pc.close(); $('connection').textContent = 'closed'; ended(); };
$('say').onsubmit = (event) => {
  event.preventDefault();
  const input = $('say').querySelector('input');
  if (input.value) say(input.value);
  input.value = '';
};
$('file').onchange = () => { for (const file of $('file').files) sendFile(file).catch((error) => note(String(error))); };
$('camera').onclick = () => camera('page').catch((error) => note(String(error)));
$('asked').onclick = () => camera('program').catch((error) => note(String(error)));
$('screen').onclick = () => screen().catch((error) => note(String(error)));
$('hangup').onclick = () => call.hangUp();
$('layer').onchange = () => signal({ layer: $('layer').value });
events.addEventListener('problem', ({ detail }) => note(detail));
setInterval(showPath, 1000);
setInterval(showMedia, 1000);

// ---- the self-test

function next(name, accept = () => true) {
  return new Promise((done) => {
    const listen = ({ detail }) => {
      if (!accept(detail)) return;
      events.removeEventListener(name, listen);
      done(detail);
    };
    events.addEventListener(name, listen);
  });
}

async function selftest(role, size) {
  const report = { role, states: [], said: [] };
  events.addEventListener('state', ({ detail }) => report.states.push(detail));
  events.addEventListener('said', ({ detail }) => report.said.push(detail));
  const late = setTimeout(() => post('/report', { ...report, error: 'timeout', state: pc?.connectionState, ice: pc?.iceConnectionState }), 150000);
  try {
    const listed = next('files');
    const start = performance.now();
    const open = next('open').then(() => { report.openAfter = Math.round(performance.now() - start); });
    await connect(role);
    await open;
    report.files = await listed;
    const text = 'grüße, 世界, \u{1f30d}';
    const echo = next('said', (line) => line.startsWith('you said:'));
    say(text);
    report.echo = await echo;
    const bytes = new Uint8Array(size).map((_, index) => (index * 31 + (index >> 8)) & 255);
    const sent = next('sent');
    await sendFile(new File([bytes], 'from-the-page.bin'));
    report.sent = await sent;
    const fetched = next('fetched');
    fetchFile(report.files[0].name);
    report.fetched = await fetched;
    const back = next('fetched');
    fetchFile('from-the-page.bin');
    report.back = await back;
    await showPath();
    report.path = $('path').textContent;
    report.cipher = $('cipher').textContent;
  } catch (error) {
    report.error = String(error);
  }
  clearTimeout(late);
  await post('/report', report);
}

const query = new URLSearchParams(location.search);
if (query.get('selftest') === 'call') {
  callTest({ query, connect, next, signal, events, post, call: () => call });
} else if (query.has('selftest')) selftest(query.get('role') ?? 'offer', Number(query.get('size') ?? 1 << 20));
