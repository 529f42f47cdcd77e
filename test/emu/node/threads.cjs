// Uses the driver from the main thread, from libuv's pool and from two workers at once; prints what each found.
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const addon = require(process.env.EMU_ADDON);

async function burst(seed) {
  const results = await Promise.all(
    Array.from({ length: 24 }, (_, i) => addon.copyOnDeviceAsync(4096, seed + i)),
  );
  return results.every((right) => right === 4096);
}

function worker() {
  return new Promise((resolve, reject) => {
    new Worker(__filename).on('message', resolve).on('error', reject);
  });
}

async function main() {
  const first = addon.copyOnDevice(1024, 7) === 1024;
  const results = await Promise.all([burst(100), worker(), worker(), burst(900)]);
  process.stdout.write(JSON.stringify([first, ...results]));
}

if (isMainThread) main();
else burst(5000).then((right) => parentPort.postMessage(right && addon.copyOnDevice(1024, 1) === 1024));
