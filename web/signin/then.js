/** Where somebody was who had to sign in. */

/** An address of this page only: what comes in a link must not lead elsewhere. @param {URLSearchParams} query */
export function placeAfter(query) {
  const then = query.get("then") ?? "/";
  return /^\/(?![/\\])/.test(then) ? then : "/";
}
