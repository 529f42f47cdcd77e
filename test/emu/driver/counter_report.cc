// What is told at the end of the process: counters as JSON (PTX_STATS), and what was not freed (PTX_LEAKS).
#include "counter_report.h"

#include <cstdio>
#include <fstream>
#include <map>

#include "memory.h"
#include "modules.h"
#include "streams.h"

namespace emu {
namespace {

struct Total {
  Counters counters = {};
  double seconds = 0;
};
std::map<std::string, Total> totals;  // by the kernel's name

double ratio(u64 a, u64 b) {
  return b ? static_cast<double>(a) / static_cast<double>(b) : 0;
}

void write(std::ostream& out, const char* name, const GlobalCount& c) {
  out << ",\n    \"" << name << "\": {\"requests\": " << c.requests << ", \"lanes\": " << c.lanes
      << ", \"bytes\": " << c.bytes << ", \"sectors\": " << c.sectors
      << ", \"distinctSectors\": " << c.distinct_sectors
      << ", \"sectorsPerRequest\": " << ratio(c.sectors, c.requests)
      << ", \"sectorUse\": " << ratio(c.bytes, c.sectors * 32) << "}";
}
void write(std::ostream& out, const char* name, const SharedCount& c) {
  out << ",\n    \"" << name << "\": {\"requests\": " << c.requests << ", \"lanes\": " << c.lanes
      << ", \"bytes\": " << c.bytes << ", \"wavefronts\": " << c.wavefronts
      << ", \"bankConflicts\": " << c.wavefronts - c.least_wavefronts
      << ", \"wavefrontsPerRequest\": " << ratio(c.wavefronts, c.requests) << "}";
}

void write_counters() {
  std::ofstream out(options().statistics);
  const char* separator = "";
  out << "{";
  for (auto& [name, total] : totals) {
    const Counters& c = total.counters;
    if (!c.launches) continue;
    const u64* flops = c.flops;
    out << separator << "\n  \"" << name << "\": {\"launches\": " << c.launches
        << ", \"blocks\": " << c.blocks << ", \"blockThreads\": " << c.block_threads
        << ", \"dynamicSharedBytes\": " << c.dynamic_shared_bytes << ", \"threads\": " << c.threads
        << ", \"threadInstructions\": " << c.thread_instructions
        << ", \"warpInstructionsAtLeast\": " << c.warp_instructions << ", \"localBytes\": " << c.local_bytes
        << ", \"flops\": {\"f32\": " << flops[0] << ", \"f64\": " << flops[1] << ", \"tf32\": " << flops[2]
        << ", \"f16\": " << flops[3] << "}, \"seconds\": " << total.seconds;
    write(out, "globalLoad", c.global_load);
    write(out, "globalStore", c.global_store);
    write(out, "globalAtomic", c.global_atomic);
    write(out, "sharedLoad", c.shared_load);
    write(out, "sharedStore", c.shared_store);
    write(out, "sharedAtomic", c.shared_atomic);
    out << "}";
    separator = ",";
  }
  out << "\n}\n";
}

}  // namespace

bool is_counting() {
  return !options().statistics.empty();
}
Counters* counters_of(const Kernel& kernel) {
  return &totals[kernel.name].counters;
}
void add_seconds(const Kernel& kernel, double seconds) {
  totals[kernel.name].seconds += seconds;
}

void report_at_end() {
  report_leaks();
  if (is_counting()) write_counters();
}

void report_leaks() {
  if (!options().leaks) return;
  static const char* const kinds[] = {"device", "pinned", "registered"};
  for (auto& [address, m] : allocations) {
    if (m.released) continue;
    std::fprintf(stderr, "emu: leak: allocation #%llu, %llu bytes of %s memory\n", m.number, m.size,
                 kinds[m.kind]);
  }
  if (!pending.empty()) std::fprintf(stderr, "emu: leak: %zu queued operations never ran\n", pending.size());
}

}  // namespace emu
