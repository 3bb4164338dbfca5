// What the search for the largest packet says, in sentences. Pure.
import { listed } from "../../base/format.ts";
import type { HopAt, MtuReport, VanishingPoint } from "./report.ts";

export interface MtuConclusion {
  readonly isFault: boolean;
  readonly text: string;
}

export function concludeMtu(report: MtuReport): MtuConclusion {
  const { believedBytes, passesBytes, told, to, isSilent, vanishes } = report;
  if (believedBytes === undefined)
    return { isFault: true, text: `The kernel knows no way to ${to}: it has no route to ${report.address}.` };
  if (isSilent)
    return {
      isFault: true,
      text: `${to} answers no small packets either, so nothing can be said of large ones: 'internode trace' tells where they end.`,
    };
  if (passesBytes === undefined)
    return {
      isFault: true,
      text: `Packets of ${bytes(report.steps.at(-1)?.bytes ?? believedBytes)} come through or are lost as it happens: some are lost whatever their size. 'internode ping' shows how many.`,
    };
  const limit = Math.min(...told.map(({ mtu }) => mtu), believedBytes);
  if (passesBytes < limit)
    return {
      isFault: true,
      text: `${told.length > 0 ? `${saying(report)}, but even of those only ${bytes(passesBytes)} pass` : `The kernel believes in ${bytes(believedBytes)}, only ${bytes(passesBytes)} pass`}, and nobody says so: larger packets vanish${placeOf(vanishes)}. Connections hang as soon as they send much.`,
    };
  if (told.length > 0)
    return {
      isFault: false,
      text: `${bytes(passesBytes)} pass; the kernel believed in ${bytes(believedBytes)}. ${saying(report)}, to whoever sends more: path MTU discovery works.`,
    };
  return { isFault: false, text: `${bytes(passesBytes)} pass, which is what the kernel believes.` };
}

const bytes = (n: number): string => `${n.toLocaleString("en")} bytes`;

function saying({ told }: MtuReport): string {
  const words = told.map(({ by, node, mtu }) => `${by}${node === undefined ? "" : ` (${node})`} says ${bytes(mtu)}`);
  return listed(words);
}

function placeOf(vanishes: VanishingPoint | undefined): string {
  if (vanishes === undefined) return "";
  const { reached, missed } = vanishes;
  if (reached && missed) return ` between ${nameOf(reached)} and ${nameOf(missed)}`;
  if (reached) return ` behind ${nameOf(reached)}`;
  if (missed) return ` before ${nameOf(missed)}`;
  return "; no router on the way answers, so where is not known";
}

const nameOf = ({ hop, address, node }: HopAt): string =>
  `hop ${hop} (${address}${node === undefined ? "" : `, ${node}`})`;
