// The page calls without a person: /?selftest=call&role=offer&offers=page (or program), with &layers and &screen as wished.
// What it saw goes to /report.

const PATIENCE = 150000;
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

export async function callTest({ query, connect, next, signal, events, post, call }) {
  const report = { problems: [], tracks: [], shades: [] };
  events.addEventListener('problem', ({ detail }) => report.problems.push(detail));
  events.addEventListener('track', ({ detail }) => report.tracks.push(detail));
  const layers = query.has('layers');
  const late = setTimeout(() => post('/report', { ...report, error: `stuck at: ${report.at}` }), PATIENCE + 5000);
  try {
    report.at = 'connecting';
    const open = next('open');
    await connect(query.get('role') ?? 'offer');
    await open;
    report.at = 'asking for devices';
    const media = navigator.mediaDevices;
    if (query.has('camera')) {
      const video = layers ? { width: 1280, height: 720, frameRate: 10 } : { width: 320, height: 240 };
      call().start(await media.getUserMedia({ audio: true, video }), query.get('offers') ?? 'page', layers);
    }
    if (query.has('screen')) {
      call().start(await media.getDisplayMedia({ video: true, preferCurrentTab: true }), query.get('offers') ?? 'page');
    }
    report.at = 'counting';
    const enough = Number(query.get('enough') ?? 10);
    const wanted = Number(query.get('tracks') ?? 1);
    const end = performance.now() + PATIENCE;
    const look = watcher(report.shades);
    let layer = false;
    do {
      await pause(250);
      signal({ count: true });
      report.counted = await next('counted');
      report.lines = await call().stats();
      look();
      report.shown = ['media', 'counted'].map((id) => document.getElementById(id).textContent).join('\n');
      report.time = Math.round(PATIENCE - end + performance.now());
      // Once all three have come, the largest shall come back.
      if (layers && !layer && report.counted.some(({ frames }) => frames.f)) {
        layer = true;
        signal({ layer: 'f' });
      }
    } while (performance.now() < end && !report.problems.length && !(isEnough(report, enough, wanted, layers) && isSeen(report, query)));
  } catch (error) {
    report.error = String(error);
  }
  clearTimeout(late);
  await post('/report', report);
}

// Notes how bright the picture that came back is, each time it is another.
function watcher(shades) {
  const canvas = new OffscreenCanvas(16, 16).getContext('2d', { willReadFrequently: true });
  return () => {
    const video = document.querySelector('video');
    if (!video?.videoWidth) return;
    canvas.drawImage(video, 0, 0, 16, 16);
    const shade = canvas.getImageData(0, 0, 16, 16).data.reduce((sum, value) => sum + value, 0);
    if (!shades.includes(shade)) shades.push(shade);
  };
}

// A camera's picture has changed, and the page has shown its person how the call is, as both sides see it.
function isSeen({ shades, shown }, query) {
  return (!query.has('camera') || shades.length >= 3) && /round trip [\d.]+ ms, loss/.test(shown) && /program sends back \w+: .* lost/.test(shown);
}

function isEnough({ lines, counted }, enough, wanted, layers) {
  const back = lines.filter(({ way }) => way === 'in');
  const decoded = back.every((line) => (line.kind === 'video' ? line.framesDecoded : line.packetsReceived) >= enough);
  const judged = lines.some(({ way, roundTripTime }) => way === 'out' && roundTripTime !== undefined);
  if (layers) {
    const sizes = counted.find(({ frames }) => frames.q >= enough && frames.h >= enough && frames.f >= enough);
    return sizes?.shown === 'f' && back.some(({ frameWidth }) => frameWidth >= 1280);
  }
  return back.length >= wanted && decoded && judged;
}
