import { html } from 'hono/html';

const assets = ['icon.svg', 'card.css', 'page.css', 'dialog.css', 'theme.js', 'onward.js', 'session.js'];

/** Is it a file that the log-in itself is drawn with? Every other one is for those who are logged in. */
export function isLoginAsset(path: string): boolean {
  return assets.some((name) => path === `/console/${name}`);
}

/** The page that asks for the token; it works without script. `problem` is said above the field. */
export function loginPage({ tokenFile, problem }: { tokenFile: string | undefined; problem: string | undefined }) {
  const said = problem === undefined ? '' : html`<p class="problem" id="problem" role="alert">${problem}</p>`;
  const where =
    tokenFile === undefined
      ? html`the value of <code>CONSOLE_TOKEN</code> where proxnix runs.`
      : html`it is in the address that proxnix prints at its start, and in this file: <code>${tokenFile}</code>`;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Log in - proxnix</title>
    <link rel="icon" href="/console/icon.svg" />
    <link rel="stylesheet" href="/console/card.css" />
    <link rel="stylesheet" href="/console/page.css" />
    <link rel="stylesheet" href="/console/dialog.css" />
    <script src="/console/theme.js"></script>
  </head>
  <body class="login">
    <main>
      <h1>proxnix</h1>
      <p>This console needs its token: ${where}</p>
      <form method="post" action="/login">
        ${said}
        <label for="token">Token</label>
        <input id="token" name="token" type="password" required autofocus autocomplete="current-password"
          ${problem === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`} />
        <button class="primary">Log in</button>
      </form>
    </main>
  </body>
</html> `;
}

/** Leads to the console from a page of the console itself, which sends the session along. Keeps the key of a log-in. */
export function onwardPage() {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>proxnix</title>
    <script type="module" src="/console/onward.js"></script>
    <noscript><meta http-equiv="refresh" content="0; url=/" /></noscript>
  </head>
  <body>
    <a href="/">Go on to the console</a>
  </body>
</html> `;
}
