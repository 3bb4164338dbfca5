// A source of the mesh that lists what a test says.
import type { Endpoint, MeshSource, MeshSourceListener } from "../../agent/mesh/source.ts";

export class ScriptedSource implements MeshSource {
  listener: MeshSourceListener | undefined;
  disposed = 0;

  start(listener: MeshSourceListener): AsyncDisposable {
    this.listener = listener;
    return { [Symbol.asyncDispose]: () => Promise.resolve(void (this.disposed += 1)) };
  }

  list(...endpoints: Endpoint[]): void {
    this.listener!.endpoints(endpoints);
    this.listener!.synced();
  }
}
