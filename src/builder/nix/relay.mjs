// Lets a program inside a sandbox without network reach the one way out: the egress of the bot behind a socket.
//   node relay.mjs run SOCKET PORT PROGRAM [ARGUMENT …]   serves 127.0.0.1:PORT while the program runs
//   node relay.mjs connect SOCKET HOST PORT               joins stdin and stdout to HOST:PORT, for ssh's ProxyCommand
// Plain JavaScript, because it runs where nothing but Node and this file is.
import { spawn } from 'node:child_process';
import { createConnection, createServer } from 'node:net';

const [what, socket, ...rest] = process.argv.slice(2);
if (what === 'run') run(Number(rest[0]), rest[1], rest.slice(2));
else connect(rest[0], rest[1]);

function run(port, program, args) {
  const server = createServer((client) => join(client, createConnection(socket)));
  server.listen(port, '127.0.0.1', () => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
  });
}

function connect(host, port) {
  const upstream = createConnection(socket);
  upstream.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
  let head = Buffer.alloc(0);
  const onData = (chunk) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    upstream.off('data', onData);
    const status = head.subarray(0, end).toString().split('\r\n', 1)[0];
    if (!/^HTTP\/1\.[01] 200\b/.test(status)) fail(`${host}:${port} cannot be reached: ${status}`);
    process.stdout.write(head.subarray(end + 4));
    upstream.pipe(process.stdout);
    process.stdin.pipe(upstream);
  };
  upstream.on('data', onData);
  upstream.on('error', (error) => fail(error.message));
  upstream.on('close', () => process.exit(0));
}

function join(one, other) {
  one.pipe(other).pipe(one);
  for (const [here, there] of [
    [one, other],
    [other, one],
  ]) {
    here.on('error', () => there.destroy());
    here.on('close', () => there.destroy());
  }
}

function fail(why) {
  process.stderr.write(`relay: ${why}\n`);
  process.exit(1);
}
