// V8 throws away what it has compiled for the objects of a class, and what it has learnt of them, when a collection finds
// none of them alive. A judgement leaves nothing behind, so that each began as if it were the first, uncompiled: half of
// its CPU. One object that stays keeps the code of all.
const staying: object[] = [];

/** Of each class whose objects do the heavy work of a judgement and all go with it: the least of them. */
export const stays = (one: object): void => void staying.push(one);
