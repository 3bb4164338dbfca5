// The seam between the mesh and where its peers are listed: EndpointSlices, or a file.
import type { Addresses, Node } from "../model/peer.ts";

/** One agent as its source lists it, before membership decides which are peers. */
export interface Endpoint {
  readonly node: Node;
  /** Stable name of this endpoint (the pod's UID, or the node name in a file): tells a new pod from an old one. */
  readonly id: string;
  readonly podAddresses: Addresses;
  /** Known in a static mesh; with Kubernetes it comes later, from the peer's own identity. */
  readonly nodeAddresses: Addresses;
  readonly serving: boolean;
  readonly terminating: boolean;
}

export interface MeshSourceListener {
  /** The complete list, whenever it changed; `unusable`: what was listed and can be no peer, each with the reason. */
  endpoints(list: readonly Endpoint[], unusable?: readonly string[]): void;
  /** The source was heard from: what is known is current as of now. */
  synced(): void;
  /** The source cannot be reached or made no sense; what is known is kept. The error carries the cure where there is one. */
  failed(error: Error): void;
}

export interface MeshSource {
  /** Begin; listener calls come from now on until disposed. Never throws for an outage. */
  start(listener: MeshSourceListener): AsyncDisposable;
}
