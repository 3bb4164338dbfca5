// The actions, by the name that the API and the command line have for them. One line an action.
export { connect } from "./connect/action.ts";
export { mtu } from "./mtu/action.ts";
export { trace } from "./trace/action.ts";
