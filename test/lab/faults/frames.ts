// Frames of the underlay for tests, byte by byte.
export function ethernetFrame({ from, to, packet }: { from: number; to: number; packet: Uint8Array }): Uint8Array {
  const frame = Uint8Array.from([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x08, 0x00, ...packet]);
  frame.set([10, 10, 0, from, 10, 10, 0, to], 14 + 12);
  return frame;
}

export function ipv4({ protocol, payload }: { protocol: number; payload: Uint8Array }): Uint8Array {
  const header = new Uint8Array(20);
  header[0] = 0x45;
  header[9] = protocol;
  return Uint8Array.from([...header, ...payload]);
}

export function udp({ port, payload }: { port: number; payload: Uint8Array }): Uint8Array {
  return Uint8Array.from([0xc0, 0x00, port >> 8, port & 0xff, 0, 0, 0, 0, ...payload]);
}

export const vxlan = (frame: Uint8Array): Uint8Array => Uint8Array.from([8, 0, 0, 0, 0, 0, 1, 0, ...frame]);
