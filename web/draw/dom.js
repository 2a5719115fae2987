/**
 * What should stand on the screen, and the smallest change of the document that puts it there.
 *
 * A drawing is a plain value: `h("p", {class: "note"}, "Hello")`. `draw` compares it with what it drew last in the
 * same place and touches only what differs, so that a field keeps its focus and its text while numbers around it
 * move. Whatever comes from the exchange goes in as text; there is no way to hand markup over.
 */

/**
 * @typedef {{tag: string, props: Record<string, any>, children: Child[], key: string | undefined, element?: Element}} Node
 * @typedef {Node | {text: string, node?: Text}} Child
 * @typedef {Node | string | number | null | undefined | false | any[]} Drawing lists are of drawings again
 */

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = Symbol("what was drawn here last");

/**
 * `props`: attributes by name; `on: {click: f}`; `style: {"--share": "40%"}`; `value`, `checked` and `open` as
 * properties; `key`, which tells children of one parent apart that may change places; and `made`, called once with
 * the element when it comes to be (a canvas draws itself, a dialog takes the focus).
 *
 * @param {string} tag
 * @param {Record<string, any> | null} [props]
 * @param {...Drawing} children
 * @returns {Node}
 */
export function h(tag, props, ...children) {
  const { key, ...rest } = props ?? {};
  return { tag, props: rest, children: flat(children), key };
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

/** @param {Drawing[]} drawings @returns {Child[]} */
function flat(drawings) {
  /** @type {Child[]} */
  const children = [];
  for (const drawing of drawings) {
    if (drawing === null || drawing === undefined || drawing === false) continue;
    if (Array.isArray(drawing)) children.push(...flat(drawing));
    else children.push(typeof drawing === "object" ? drawing : { text: String(drawing) });
  }
  return children;
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
 * @param {Child[]} children @returns {[string, Child][]}
 */
function named(children) {
  /** @type {Record<string, number>} */
  const count = {};
  return children.map((child) => {
    const tag = "text" in child ? "" : child.tag;
    if (tag && /** @type {Node} */ (child).key !== undefined) return [`${tag} key ${/** @type {Node} */ (child).key}`, child];
    count[tag] = (count[tag] ?? 0) + 1;
    return [`${tag} ${count[tag]}`, child];
  });
}

/** @param {Element} parent @param {Child[]} old @param {Child[]} next */
function change(parent, old, next) {
  const had = new Map(named(old));
  const pairs = named(next).map(([name, child]) => {
    const before = had.get(name);
    had.delete(name);
    return { child, before };
  });
  // What is gone goes first, so that what stays is not moved: an element that moves loses the focus.
  for (const gone of had.values()) nodeOf(gone).remove();
  let place = parent.firstChild;
  for (const { child, before } of pairs) {
    const node = before === undefined ? make(child, parent) : update(before, child);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
}

/** @param {Child} child @returns {ChildNode} */
function nodeOf(child) {
  return /** @type {ChildNode} */ ("text" in child ? child.node : child.element);
}

/** @param {Child} child @param {Element} parent @returns {ChildNode} */
function make(child, parent) {
  if ("text" in child) return (child.node = document.createTextNode(child.text));
  const drawsVectors = child.tag === "svg" || (parent.namespaceURI === SVG && parent.tagName !== "foreignObject");
  const element = drawsVectors ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  child.element = element;
  change(element, [], child.children);
  dress(element, {}, child.props);
  child.props.made?.(element);
  return element;
}

/** @param {Child} before @param {Child} child @returns {ChildNode} */
function update(before, child) {
  if ("text" in child) {
    const node = /** @type {Text} */ (nodeOf(before));
    if (/** @type {{text: string}} */ (before).text !== child.text) node.data = child.text;
    return (child.node = node);
  }
  const was = /** @type {Node} */ (before);
  const element = /** @type {Element} */ (was.element);
  child.element = element;
  // A drawing that was kept from last time is what stands there already.
  if (was !== child) {
    change(element, was.children, child.children);
    dress(element, was.props, child.props);
  }
  return element;
}

/** @param {any} element @param {Record<string, any>} old @param {Record<string, any>} next */
function dress(element, old, next) {
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const value = next[name];
    if (name === "on") listen(element, old.on ?? {}, value ?? {});
    else if (name === "style") tint(element, old.style ?? {}, value ?? {});
    else if (name === "made") continue;
    else if (name === "value" || name === "checked" || name === "open") {
      // Compared with the document and not with the last drawing: a person has typed since.
      if (element[name] !== (value ?? "")) element[name] = value ?? "";
    } else if (old[name] === value) continue;
    else if (value === undefined || value === null || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {any} element @param {Record<string, any>} old @param {Record<string, any>} next */
function listen(element, old, next) {
  for (const kind of Object.keys(next)) {
    if (!(kind in (element.handlers ??= {}))) element.addEventListener(kind, hear);
    element.handlers[kind] = next[kind];
  }
  for (const kind of Object.keys(old)) if (!(kind in next)) element.handlers[kind] = null;
}

/** One listener for a kind that looks up who is to hear now: a new closure each drawing costs no document change. */
/** @this {any} @param {Event} event */
function hear(event) {
  this.handlers[event.type]?.(event);
}

/** @param {any} element @param {Record<string, any>} old @param {Record<string, any>} next */
function tint(element, old, next) {
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    if (old[name] !== next[name]) element.style.setProperty(name, next[name] ?? "");
  }
}
