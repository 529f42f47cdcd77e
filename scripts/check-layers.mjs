/**
 * Which part may use which. A part is a folder of src/ (or a file right in it) or of native/; parts not in these tables are
 * errors, so a new folder takes its place here first.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { listFiles, root } from './staleness.mjs';

/** `errors`, `make-folder` and `version` may be used everywhere, `config` by every part but these. */
const TYPESCRIPT = {
  errors: [],
  'make-folder': [],
  version: [],
  arrow: [],
  random: [],
  format: [],
  config: [],
  graph: [],
  manifest: [],
  metrics: [],
  addon: ['graph', 'manifest'],
  'run-log': ['graph'],
  models: ['graph', 'manifest'],
  quantization: ['addon', 'graph'],
  reader: ['manifest'],
  batch: ['reader', 'addon', 'manifest'],
  checkpoint: ['addon', 'graph', 'manifest'],
  prepare: ['addon', 'arrow', 'manifest', 'random'],
  synth: ['addon', 'manifest', 'prepare'],
  train: [
    'reader',
    'batch',
    'addon',
    'metrics',
    'run-log',
    'checkpoint',
    'models',
    'quantization',
    'graph',
    'manifest',
    'arrow',
  ],
  sweep: ['train', 'reader', 'run-log', 'plot'],
  report: ['run-log', 'sweep', 'plot', 'format'],
  bench: ['reader', 'batch', 'addon', 'models', 'quantization', 'graph', 'manifest', 'random', 'format'],
  theory: ['addon', 'checkpoint', 'models', 'graph', 'manifest', 'random'],
  inspect: ['addon', 'reader', 'models', 'graph', 'manifest'],
  plot: [],
  cli: [
    'prepare',
    'report',
    'format',
    'synth',
    'sweep',
    'train',
    'bench',
    'inspect',
    'theory',
    'plot',
    'reader',
    'addon',
    'run-log',
    'checkpoint',
    'metrics',
    'manifest',
  ],
  index: [
    'prepare',
    'synth',
    'train',
    'reader',
    'metrics',
    'checkpoint',
    'manifest',
    'addon',
    'graph',
    'models',
    'run-log',
  ],
};

const GROUND = ['errors', 'make-folder', 'version'];

const NATIVE = {
  base: [],
  criteo: ['base'],
  rows: ['base'],
  backend: ['base'],
  ops: ['backend', 'base'],
  // An optimizer walks the chunks that an embedding op addresses.
  optim: ['ops', 'backend', 'base'],
  // Synthetic rows have the layout of the parser's.
  synth: ['criteo', 'backend', 'base'],
  graph: ['ops', 'optim', 'backend', 'base'],
  addon: ['graph', 'criteo', 'rows', 'synth', 'ops', 'optim', 'backend', 'base'],
};

const MAX_LINES = { ts: 300, mjs: 300, cc: 400, h: 400, cu: 400, cuh: 400 };

/** Sentences about imports and includes that go against the tables. */
export function checkLayers() {
  return [...typescriptComplaints(), ...nativeComplaints()];
}

/** Sentences about files that have grown too long. */
export function checkFileLengths() {
  return ['src', 'native', 'scripts', 'test'].flatMap((folder) =>
    listFiles(join(root, folder)).flatMap((file) => {
      const most = MAX_LINES[file.slice(file.lastIndexOf('.') + 1)];
      const lines = readFileSync(file, 'utf8').split('\n').length - 1;
      return most !== undefined && lines > most
        ? [`${relative(root, file)} has ${lines} lines; split it, ${most} is the most`]
        : [];
    }),
  );
}

function typescriptComplaints() {
  const source = join(root, 'src');
  const partOf = (path) => path.split('/')[0].replace(/\.ts$/, '');
  return listFiles(source).flatMap((file) => {
    const from = relative(source, file);
    const imports = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g);
    return [...imports].flatMap(([, specifier]) =>
      complaint(
        'src',
        from,
        partOf(from),
        partOf(normalize(join(dirname(from), specifier))),
        TYPESCRIPT,
        (part) => GROUND.includes(part) || (part === 'config' && !GROUND.includes(partOf(from))),
      ),
    );
  });
}

function nativeComplaints() {
  const native = join(root, 'native');
  return listFiles(native).flatMap((file) => {
    const from = relative(native, file);
    const part = from.split('/')[0];
    const text = readFileSync(file, 'utf8');
    const layers = [...text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].flatMap(([, path]) =>
      complaint('native', from, part, path.split('/')[0], NATIVE, () => false),
    );
    const napi = /^\s*#\s*include\s+[<"](napi|node_api)/m.test(text) && part !== 'addon';
    return napi ? [...layers, `native/${from} includes napi.h; only native/addon may`] : layers;
  });
}

function complaint(side, file, from, to, table, always) {
  if (table[from] === undefined) {
    return [
      `${side}/${file}: "${from}" has no place among the layers; give it one in scripts/check-layers.mjs`,
    ];
  }
  if (from === to || always(to) || table[from].includes(to)) return [];
  return [
    `${side}/${file} uses ${to}; ${from} may use ${table[from].join(', ') || 'nothing else of the project'}`,
  ];
}
