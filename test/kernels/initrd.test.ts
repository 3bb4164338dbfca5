import { expect, test } from "vitest";
import { filesOf } from "./initrd.ts";

const DEPENDENCIES = `kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/net/9p/9pnet.ko:
kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko
kernel/fs/netfs/netfs.ko:
`;

test("the first file system of a guest holds each module it begins with and all that those need, once", () => {
  expect(filesOf(["9pnet_virtio", "9p"], DEPENDENCIES)).toEqual([
    "kernel/net/9p/9pnet_virtio.ko",
    "kernel/net/9p/9pnet.ko",
    "kernel/fs/9p/9p.ko",
    "kernel/fs/netfs/netfs.ko",
  ]);
});

test("a module that is built into the kernel is no file", () => {
  expect(filesOf(["virtio_pci", "9pnet"], DEPENDENCIES)).toEqual(["kernel/net/9p/9pnet.ko"]);
});
