/** A name for a request that nobody has used, by numbers that are there without a secure connection, too. */
export const freshName = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
