/** What is made of an object, made once: later calls with the same object give the same. It goes with the object. */
export function onceFor<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, { readonly value: V }>();
  return (key) => {
    let kept = made.get(key);
    if (!kept) made.set(key, (kept = { value: make(key) }));
    return kept.value;
  };
}
