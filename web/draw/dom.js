/**
 * What should stand on the screen, and the smallest change of the document that puts it there.
 *
 * A drawing is a plain value: `h("p.note", {title: "For you"}, "Hello")`. `draw` compares it with what it drew last in the
 * same place and touches only what differs, so that a field keeps its focus and its text while numbers around it
 * move. Whatever comes from the exchange goes in as text; there is no way to hand markup over.
 */

/**
 * @typedef {{tag: string, props: Record<string, any>, children: Node[], key?: string, text?: string, node?: any}} Node
 *   without a tag it is `text`; `node` is what it became in the document
 * @typedef {Node | string | number | null | undefined | false | any[]} Drawing lists are of drawings again
 */

const DRAWN = Symbol("what was drawn here last");
const HEARS = Symbol("who hears what happens here");

/**
 * An element, by its tag and classes: `h("p.note.warn", ...)`. Its props, if it has any, come before its children:
 * attributes by name; `on: {click: f}`; `style: {"--share": "40%"}`; `value` and `checked` as properties; `class` for
 * one that is not always the same; `key`, which tells children of one parent apart that may change places; and `made`,
 * called once with the element when it comes to be (a canvas draws itself, a dialog takes the focus).
 *
 * @param {string} looks
 * @param {...(Drawing | Record<string, any>)} inside
 * @returns {Node}
 */
export function h(looks, ...inside) {
  const [tag, ...classes] = looks.split(".");
  const [first] = inside;
  const hasProps = first instanceof Object && !Array.isArray(first) && !("tag" in first);
  const { key, ...props } = /** @type {Record<string, any>} */ (hasProps ? inside.shift() : {});
  if (classes.length > 0) props.class = classes.concat(props.class ?? []).join(" ");
  return { tag, props, children: flat(inside), key };
}

/**
 * A part of a screen that is drawn anew only when what it is drawn from is another than last time; until then it is
 * the very drawing of last time, which `draw` passes over whole. For what is large and changes seldom: a table, a
 * chart. It compares by identity: a store's `state` is another after each `set`.
 *
 * @template {any[]} Inputs
 * @param {(...inputs: Inputs) => Drawing} view reads nothing but its inputs
 * @returns {(...inputs: Inputs) => Drawing}
 */
export function kept(view) {
  /** @type {Inputs | null} */
  let last = null;
  /** @type {Drawing} */
  let drawing;
  return (...inputs) => {
    if (last === null || inputs.some((input, index) => input !== last?.[index])) {
      drawing = view(...inputs);
      last = inputs;
    }
    return drawing;
  };
}

/**
 * The same for each of many, as the rows of a list: what is drawn is told by the first input.
 *
 * @template {object} One
 * @template {any[]} Inputs
 * @param {(one: One, ...inputs: Inputs) => Drawing} view
 * @returns {(one: One, ...inputs: Inputs) => Drawing}
 */
export function keptEach(view) {
  /** @type {WeakMap<One, (one: One, ...inputs: Inputs) => Drawing>} */
  const all = new WeakMap();
  return (one, ...inputs) => {
    const own = all.get(one) ?? kept(view);
    all.set(one, own);
    return own(one, ...inputs);
  };
}

/** @param {any[]} drawings @returns {Node[]} */
function flat(drawings) {
  return drawings.flat(Infinity).filter((one) => (one ?? false) !== false)
    .map((one) => (typeof one === "object" ? one : { tag: "", text: String(one), props: {}, children: [] }));
}

/**
 * @param {Element} place
 * @param {Drawing} drawing
 */
export function draw(place, drawing) {
  const next = flat([drawing]);
  change(place, /** @type {any} */ (place)[DRAWN] ?? [], next);
  /** @type {any} */ (place)[DRAWN] = next;
}

/**
 * Each child with a name that is its own: its key, or the how-manieth of its tag it is, so that a note that comes to
 * stand ahead of a field leaves the field the same field.
 * @param {Node[]} children @returns {[string, Node][]}
 */
function named(children) {
  /** @type {Record<string, number>} */
  const count = {};
  return children.map((child) => {
    const { tag, key = (count[tag] = (count[tag] ?? 0) + 1) } = child;
    return [`${tag} ${child.key === undefined ? "" : "key "}${key}`, child];
  });
}

/** @param {Element} parent @param {Node[]} old @param {Node[]} next */
function change(parent, old, next) {
  const had = new Map(named(old));
  const pairs = named(next).map(([name, child]) => {
    const before = had.get(name);
    had.delete(name);
    return { child, before };
  });
  // What is gone goes first, so that what stays is not moved: an element that moves loses the focus.
  for (const { node } of had.values()) node.remove();
  let place = parent.firstChild;
  for (const { child, before } of pairs) {
    const node = before?.node ?? make(child, parent);
    child.node = node;
    // A drawing that was kept from last time is what stands there already.
    if (before !== child) update(node, before, child);
    if (before === undefined) child.props.made?.(node);
    if (node === place) place = node.nextSibling;
    else parent.insertBefore(node, place);
  }
}

/** @param {Node} child @param {Element} parent */
function make({ tag, text = "" }, parent) {
  if (tag === "") return document.createTextNode(text);
  return document.createElementNS(tag === "svg" ? "http://www.w3.org/2000/svg" : parent.namespaceURI, tag);
}

/** @param {any} node @param {Node | undefined} before @param {Node} child */
function update(node, before, { text, props, children }) {
  if (text !== undefined) {
    if (before && before.text !== text) node.data = text;
    return;
  }
  change(node, before?.children ?? [], children);
  dress(node, before?.props ?? {}, props);
}

/** @param {any} element @param {Record<string, any>} old @param {Record<string, any>} next */
function dress(element, old, next) {
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const value = next[name];
    if (name === "made") continue;
    else if (name === "on") {
      element[HEARS] = value ?? {};
      for (const kind in value) element.addEventListener(kind, hear);
    } else if (name === "style") {
      for (const tint in value) if (old.style?.[tint] !== value[tint]) element.style.setProperty(tint, value[tint]);
    } else if (name === "value" || name === "checked") {
      // Compared with the document and not with the last drawing: a person has typed since.
      if (element[name] !== (value ?? "")) element[name] = value ?? "";
    } else if (old[name] === value) continue;
    else if ((value ?? false) === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

/**
 * One listener, which a browser adds once however often it is told to, and which looks up who is to hear now: a new
 * closure each drawing costs no document change.
 * @this {any} @param {Event} event
 */
function hear(event) {
  this[HEARS][event.type]?.(event);
}
