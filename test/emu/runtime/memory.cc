#include "memory.h"

#include <algorithm>

#include "internal.h"

namespace emu {
namespace {

std::vector<Region> regions;
Region recent[kRecentRegions];

constexpr Region kNowhere = {1, 0, 0};

}  // namespace

const Region* recent_regions() {
  return recent;
}

void set_regions(std::vector<Region> all) {
  regions = std::move(all);
  std::fill_n(recent, kRecentRegions, kNowhere);
}

char* find_region(Thread& T, u64 address, u32 size, bool writes) {
  char* p = reinterpret_cast<char*>(address);
  const u64 in_shared = generic_to_shared(T, address), in_stack = address - reinterpret_cast<u64>(T.stack);
  if (in_shared < T.shared_bytes && in_shared + size <= T.shared_bytes) {
    if (T.check_races) check_race(T, static_cast<u32>(in_shared), size, writes, false);
    return p;
  }
  if (in_stack < T.stack_bytes && in_stack + size <= T.stack_bytes) return p;
  const u64 workspace = T.launch->grid_workspace;
  if (workspace && address >= workspace && address + size <= workspace + 64) return p;
  auto after = std::upper_bound(regions.begin(), regions.end(), address,
                                [](u64 a, const Region& r) { return a < r.begin; });
  if (after != regions.begin()) {
    const Region& r = *std::prev(after);
    if (address + size <= r.end) {
      recent[recent_slot(address)] = r;
      return p + r.shift;
    }
  }
  if (!runtime_options().check_bounds) return p;
  fail_format(T, Fault::kOutOfBounds, address, "out-of-bounds %s of %u bytes at 0x%llx",
              writes ? "write" : "read", size, address);
}

void fail_misaligned(Thread& T, u64 address, u32 size) {
  fail_format(T, Fault::kMisaligned, address, "misaligned address 0x%llx for an access of %u bytes", address,
              size);
}

void fail_shared(Thread& T, u32 offset, u32 size) {
  const bool misaligned = offset & (size - 1);
  fail_format(T, misaligned ? Fault::kMisaligned : Fault::kOutOfBounds, offset,
              "shared memory access %s: offset %u, %u bytes, of %llu",
              misaligned ? "misaligned" : "out of range", offset, size, T.shared_bytes);
}

// Two accesses race when different threads make them, one writes, and nothing has synchronised the two since:
// no barrier of the block, and for threads of one warp no collective of the whole warp either. Single bytes
// are not looked at.
void check_race(Thread& T, u32 offset, u32 size, bool writes, bool atomic) {
  if (size < 2 || atomic) return;
  const u32 me = T.linear + 1, epoch = T.block->epoch + 1, warp_epoch = T.warp->epoch + 1;
  auto concurrent = [&](u32 other, u32 its_epoch, u32 its_warp_epoch) {
    return other && other != me && its_epoch == epoch &&
           ((other - 1) / 32 != (me - 1) / 32 || its_warp_epoch == warp_epoch);
  };
  for (u32 unit = offset / 2; unit <= (offset + size - 1) / 2; unit++) {
    Shadow& s = resident(T).shadow[unit];
    if (concurrent(s.writer, s.write_epoch, s.write_warp_epoch)) {
      fail_format(T, Fault::kOther, 0, "shared race: %s at offset %u after unsynchronised write by thread %u",
                  writes ? "write" : "read", unit * 2, s.writer - 1);
    }
    if (writes && concurrent(s.reader, s.read_epoch, s.read_warp_epoch)) {
      fail_format(T, Fault::kOther, 0,
                  "shared race: write at offset %u after unsynchronised read by thread %u", unit * 2,
                  s.reader - 1);
    }
    if (writes) {
      s.writer = me, s.write_epoch = epoch, s.write_warp_epoch = warp_epoch;
    } else if (s.read_epoch != epoch || !s.reader || (s.reader - 1) / 32 == (me - 1) / 32) {
      // A reader of another warp stays: it is the one a later writer of this warp could race with.
      s.reader = me, s.read_epoch = epoch, s.read_warp_epoch = warp_epoch;
    }
  }
}

}  // namespace emu
