// What both pages need: an offer to the program, and what the connection's statistics say.

export async function post(path, value) {
  const reply = await fetch(path, { method: 'POST', body: JSON.stringify(value) });
  if (!reply.ok) throw new Error(await reply.text());
  return reply.json();
}

// The whole description at once keeps the signalling to one exchange.
export async function connect(pc, path) {
  await pc.setLocalDescription();
  await new Promise((done) => {
    const check = () => pc.iceGatheringState === 'complete' && done();
    pc.addEventListener('icegatheringstatechange', check);
    setTimeout(done, 3000);
    check();
  });
  await pc.setRemoteDescription(await post(path, { sdp: pc.localDescription.sdp }));
}

// The statistics of one type and kind: `inbound-rtp` or `outbound-rtp`, each with what the other side reports of it.
export async function streams(pc, type, kind) {
  const stats = await pc.getStats();
  return [...stats.values()].filter((item) => item.type === type && item.kind === kind)
    .map((item) => ({ ...item, remote: stats.get(item.remoteId) }));
}

const style = new CSSStyleSheet();
style.replaceSync(`
  :root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }
  body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.3rem; }
  button, select { font: inherit; }
  video { width: 100%; border-radius: .4rem; background: #8882; }
`);
document.adoptedStyleSheets.push(style);
