// THE table of pair protocols, a line for each. Its order, by name, is the order in which they are shown.
export { icmp } from "./protocols/icmp.ts";
export { tcp } from "./protocols/tcp.ts";
export { udp } from "./protocols/udp.ts";
