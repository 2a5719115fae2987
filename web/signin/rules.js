/** What the exchange takes for a name, an address and a password: said before, and checked before anything is sent. */

export const USERNAME = "3 to 64 letters, digits and underscores.";
export const PASSWORD = "At least 8 characters, with a capital, a small letter and a digit.";

/** @param {string} name */
export const usernameProblem = (name) => (/^\w{3,64}$/.test(name) ? undefined : USERNAME);

/** @param {string} email */
export const emailProblem = (email) => (/^[^@\s]+@[^@\s]+$/.test(email) ? undefined : "An address like ann@example.org.");

/** @param {string} password */
export function passwordProblem(password) {
  const long = [...password].length;
  if (long > 128) return "At most 128 characters.";
  const good = long >= 8 && /\p{Lu}/u.test(password) && /\p{Ll}/u.test(password) && /\p{Nd}/u.test(password);
  return good ? undefined : PASSWORD;
}
