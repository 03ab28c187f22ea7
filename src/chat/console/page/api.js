import { sessionKey } from './session.js';

/** An error with a sentence for the reader. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {number} status 0: no answer at all
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export function get(path) {
  return ask(path, {});
}

/**
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<any>}
 */
export function post(path, body) {
  return ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-proxnix': '1', 'x-proxnix-session': sessionKey() },
    body: JSON.stringify(body),
  });
}

/** @param {string} path */
export async function getText(path) {
  const response = await reach(path, {});
  if (!response.ok) throw await problemOf(response);
  return response.text();
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function ask(path, init) {
  const response = await reach(path, init);
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function reach(path, init) {
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Problem('proxnix did not answer. Look at the newest cards before you try again.', 0);
  }
  if (response.status === 401) location.assign(`/login?to=${encodeURIComponent(location.pathname)}`);
  return response;
}

/** @param {Response} response */
async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const words = [body.error ?? `proxnix answered ${response.status}.`, body.next].filter(Boolean).join(' ');
  return new Problem(words, response.status);
}
