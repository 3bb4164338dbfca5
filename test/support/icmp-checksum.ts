// The ICMP checksum, written a second time and plainly, so that a mistake in agent/wire cannot hide behind itself.

/** RFC 792 checksum over the whole message, in place. */
export function writeChecksum(message: Uint8Array): void {
  message[2] = 0;
  message[3] = 0;
  let sum = 0;
  for (let i = 0; i < message.length; i += 2) sum += (message[i]! << 8) | (message[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  message[2] = (~sum >> 8) & 0xff;
  message[3] = ~sum & 0xff;
}
