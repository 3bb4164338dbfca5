// What derives from the table of actions.
import type { Action } from "./action.ts";
import * as table from "./table.ts";

type Table = typeof table;
const TABLE: Table = table;

export type ActionName = keyof Table;
export const ACTIONS = Object.keys(TABLE) as readonly ActionName[];

export const isAction = (name: string): name is ActionName => Object.hasOwn(TABLE, name);

/** For what treats all alike. */
export const actionOf = (name: ActionName): Action => TABLE[name] as unknown as Action;
