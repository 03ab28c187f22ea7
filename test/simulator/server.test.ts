import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demoSeed, type Simulator, startSimulator } from '../../src/simulator/simulator.ts';

const AUTHORIZATION = 'PVEAPIToken=proxnix@pve!bot=5157a7ed-0000-4000-8000-de0000000001';

describe('the server', () => {
  let simulator: Simulator;
  beforeEach(async () => {
    simulator = await startSimulator({ seed: demoSeed(), timeScale: 0.001, statisticsSeconds: 0 });
  });
  afterEach(() => simulator.close());

  const get = (agent: http.Agent) =>
    new Promise<string>((resolve, reject) => {
      const options = { agent, headers: { authorization: AUTHORIZATION } };
      const request = http.get(`${simulator.url}/api2/json/version`, options, (response) => {
        response.resume().on('end', () => resolve(String(response.headers.connection)));
      });
      request.on('error', reject);
    });

  it('closes a connection after a hundred requests', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const seen: string[] = [];
    for (let index = 0; index < 101; index += 1) seen.push(await get(agent));
    agent.destroy();
    expect(seen.filter((one) => one === 'close')).toHaveLength(1);
    expect(seen[99]).toBe('close');
  });

  it('lives on when an upload is cut', async () => {
    const { port } = simulator;
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        const head = [
          'POST /api2/json/nodes/pve1/storage/local/upload HTTP/1.1',
          'Host: localhost',
          `Authorization: ${AUTHORIZATION}`,
          'Content-Type: multipart/form-data; boundary=b',
          'Content-Length: 100000',
        ];
        const part = '--b\r\nContent-Disposition: form-data; name="filename"; filename="a.raw"\r\n\r\nbytes';
        socket.write(`${head.join('\r\n')}\r\n\r\n${part}`, () => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    expect(await get(new http.Agent())).toBe('Keep-Alive');
    expect(simulator.volumes()).toEqual([]);
    expect(simulator.tasks()).toEqual([]);
  });

  it('writes no error into the reason that would split the header', async () => {
    const response = await fetch(`${simulator.url}/api2/json/nodes/%0d%0aX-Evil:%201/qemu`, {
      headers: { authorization: AUTHORIZATION },
    });
    expect(response.status).toBe(500);
    expect(response.headers.get('x-evil')).toBeNull();
  });
});

describe('the server with a certificate', () => {
  it('tells the fingerprint of that certificate in the list of nodes', async () => {
    // Made for this test, valid for a hundred years, and used nowhere else.
    const read = (name: string) => readFileSync(new URL(`./fixtures/tls/${name}`, import.meta.url), 'utf8');
    const tls = { key: read('key.pem'), cert: read('cert.pem') };
    const simulator = await startSimulator({ seed: demoSeed(), tls });
    const [shown, seen] = await new Promise<[string, string]>((resolve, reject) => {
      const options = { ca: tls.cert, checkServerIdentity: () => undefined, headers: { authorization: AUTHORIZATION } };
      const request = https.get(`${simulator.url}/api2/json/nodes`, { ...options, agent: false }, (response) => {
        const socket = response.socket as TLSSocket;
        const { fingerprint256 } = socket.getPeerCertificate();
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve([JSON.parse(text).data[0].ssl_fingerprint, fingerprint256]));
      });
      request.on('error', reject);
    });
    await simulator.close();
    expect(shown).toBe(seen);
  });
});
