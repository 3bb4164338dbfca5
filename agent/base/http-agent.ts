// undici's Agent by itself, for a process that stays. With its index come fetch, WebSocket, caches and mocks, and streams
// and SQLite of Node.js by them: 3.4 MB that would stay resident. Loaded where a first request is made.
import Agent from "undici/lib/dispatcher/agent.js";
import request from "undici/lib/api/api-request.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";

// As its index does.
Dispatcher.prototype.request = request;

export { Agent };
