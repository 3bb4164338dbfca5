// The actions, by the name that the API and the command line have for them. One line an action.
export { connect } from "./connect/action.ts";
export { mtu } from "./mtu/action.ts";
export { ping } from "./ping/action.ts";
export { row, sweep } from "./sweep/action.ts";
export { receive } from "./throughput/receive.ts";
export { throughput } from "./throughput/action.ts";
export { trace } from "./trace/action.ts";
