// The page's call: its camera and screen go to the program, and what the program sends back is shown.
// Descriptions travel over the chat. Either side may offer; where both do at once, the page gives way.

const LAYERS = [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }];

export class Call {
  #pc;
  #signal;
  #show;
  #told;
  #streams = [];
  #waiting = []; // streams for which the program shall offer

  // `signal` sends an object to the program, `show` takes a track that came back, `told` says what happened.
  constructor(pc, signal, show, told) {
    this.#pc = pc;
    this.#signal = signal;
    this.#show = show;
    this.#told = told;
    pc.ontrack = ({ track, transceiver }) => {
      show(track, transceiver);
      told('track', { kind: track.kind, mid: transceiver.mid });
    };
    pc.onnegotiationneeded = () => this.#offer();
  }

  // Sends the tracks of a stream. `offers`: who makes the offer, 'page' or 'program'. `layers`: pictures in three sizes.
  start(stream, offers = 'page', layers = false) {
    this.#streams.push(stream);
    if (offers === 'program') {
      this.#waiting.push(stream);
      this.#signal({ call: stream.getTracks().map((track) => track.kind) });
    } else {
      for (const track of stream.getTracks()) this.#add(track, stream, layers);
    }
  }

  // Whether anything is sent.
  began() {
    return this.#streams.length > 0;
  }

  // What was sent is stopped, at both ends.
  hangUp() {
    for (const stream of this.#streams.splice(0)) for (const track of stream.getTracks()) track.stop();
    for (const transceiver of this.#pc.getTransceivers()) transceiver.stop();
  }

  async heard({ offer, answer, problem }) {
    if (offer) {
      await this.#pc.setRemoteDescription({ type: 'offer', sdp: offer });
      for (const stream of this.#waiting.splice(0)) for (const track of stream.getTracks()) this.#add(track, stream);
      await this.#pc.setLocalDescription();
      this.#signal({ answer: this.#pc.localDescription.sdp });
    }
    if (answer) await this.#pc.setRemoteDescription({ type: 'answer', sdp: answer });
    if (problem) this.#told('problem', problem);
  }

  // How each track that goes and each that comes back is doing.
  async stats() {
    const stats = await this.#pc.getStats();
    const lines = [];
    for (const item of stats.values()) {
      if (item.type === 'inbound-rtp') {
        const { kind, mid, packetsReceived, packetsLost, framesDecoded, framesPerSecond, frameWidth, frameHeight, totalSamplesReceived } = item;
        lines.push({ way: 'in', kind, mid, packetsReceived, packetsLost, framesDecoded, framesPerSecond, frameWidth, frameHeight, totalSamplesReceived });
      } else if (item.type === 'outbound-rtp') {
        const { kind, mid, rid, packetsSent, framesEncoded, frameWidth } = item;
        const remote = stats.get(item.remoteId);
        lines.push({ way: 'out', kind, mid, rid, packetsSent, framesEncoded, frameWidth, roundTripTime: remote?.roundTripTime, fractionLost: remote?.fractionLost });
      }
    }
    return lines;
  }

  #add(track, stream, layers) {
    if (layers && track.kind === 'video') {
      this.#pc.addTransceiver(track, { streams: [stream], sendEncodings: LAYERS });
    } else {
      this.#pc.addTrack(track, stream);
    }
  }

  async #offer() {
    try {
      await this.#pc.setLocalDescription();
      if (this.#pc.localDescription.type === 'offer') this.#signal({ offer: this.#pc.localDescription.sdp });
    } catch (error) {
      this.#told('problem', String(error));
    }
  }
}

// One line of text for each track.
export function describe(lines) {
  const loss = (value) => (value === undefined ? '' : `, loss ${(value * 100).toFixed(1)} %`);
  const rtt = (value) => (value === undefined ? '' : `, round trip ${(value * 1000).toFixed(1)} ms`);
  return lines.map((line) => (line.way === 'out'
    ? `sends ${line.kind} ${line.rid ?? ''}: ${line.packetsSent} packets${rtt(line.roundTripTime)}${loss(line.fractionLost)}`
    : `gets back ${line.kind}: ${line.packetsReceived} packets, ${line.packetsLost} lost${line.framesDecoded === undefined ? '' : `, ${line.framesDecoded} frames of ${line.frameWidth ?? 0}×${line.frameHeight ?? 0}`}`
  )).join('\n');
}

// The same from the other side: how the program says its way back to the page is.
export function describeCounted(tracks) {
  return tracks.filter(({ rtt }) => typeof rtt === 'number').map(({ kind, sent, rtt, lost }) => (
    `the program sends back ${kind}: ${sent} packets, round trip ${rtt.toFixed(1)} ms, ${lost} lost`
  )).join('\n');
}
