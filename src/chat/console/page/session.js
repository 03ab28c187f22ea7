const name = 'proxnix-session';

// The log-in leads here with the key to act behind the #. Kept by the browser for this host and port alone, unlike a cookie.
const key = /^#([0-9a-f]{64})$/.exec(location.hash)?.[1];
if (key !== undefined) {
  localStorage.setItem(name, key);
  history.replaceState(null, '', '/');
}

/** What a request that acts must carry. */
export function sessionKey() {
  return localStorage.getItem(name) ?? '';
}
