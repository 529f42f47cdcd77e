import type { RunStartEvent } from '../run-log/events.ts';
import { PSS_VERSION } from '../version.ts';
import { hashGraph } from './resume-rules.ts';
import type { TrainingRun } from './training-run.ts';

/** The event a run, or a resumed part of it, begins with. */
export function runStartEvent(run: TrainingRun): RunStartEvent {
  const { config, model, device, machine, threads, trainData, evalData, state, resumed } = run;
  return {
    event: 'run_start',
    schema: 1,
    config,
    graph: model.graph,
    graphHash: hashGraph(model.graph),
    parameters: model.parameters,
    embeddingBytes: model.embeddingBytes,
    compression: model.compression,
    device: device.device,
    deviceName: device.deviceName,
    threads,
    precision: config.precision,
    versions: { pss: PSS_VERSION, node: process.versions.node, isa: machine.isa },
    data: { train: trainData.manifestHashes, eval: evalData.manifestHashes },
    ...(resumed ? { resumedFromStep: state.step } : {}),
  };
}
