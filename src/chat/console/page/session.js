const name = 'proxnix-session';

// The log-in redirects here with the action key behind the #. Unlike a cookie, local storage belongs to this host and port alone.
const key = /^#([0-9a-f]{64})$/.exec(location.hash)?.[1];
if (key !== undefined) {
  localStorage.setItem(name, key);
  history.replaceState(null, '', location.pathname);
}

/** The headers of a request that acts. */
export function sessionKey() {
  return localStorage.getItem(name) ?? '';
}
