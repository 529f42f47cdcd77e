#include "counters.h"
#include "internal.h"
#include "synchronisation.h"

namespace emu {

void async_copy(Thread& T, u32 to, u64 from, u32 size, u32 from_size, u64 key) {
  if (from_size > size) from_size = size;
  if ((from | to) & (size - 1)) {
    fail_format(T, Fault::kMisaligned, from,
                "cp.async of %u bytes from 0x%llx to shared offset %u is misaligned", size, from, to);
  }
  const u64 shared_address = to;
  char* there = size == 16  ? shared<u64>(T, shared_address, 2, true)
                : size == 8 ? shared<u64>(T, shared_address, 1, true)
                            : shared<u32>(T, shared_address, 1, true);
  char* here = nullptr;
  if (from_size) {
    here = global<u8>(T, from, 1, false);
    global<u8>(T, from + from_size - 1, 1, false);
  }
  if (T.loops) {
    if (from_size) count_access(T, here, Access::kLoad, from_size, key);
    count_access(T, there, Access::kStore, size, key + 2);
  }
  std::memset(there, 0xff, size);
  T.copies->pending.push_back({to, here, from_size, size - from_size, T.copies->groups});
}

void async_commit(Thread& T) {
  T.copies->groups++;
}

namespace {
// The copies of groups before `end` arrive.
void arrive(Thread& T, u32 end) {
  auto& pending = T.copies->pending;
  size_t done = 0;
  for (; done < pending.size() && pending[done].group < end; done++) {
    const AsyncCopy& c = pending[done];
    if (T.check_races) check_race(T, c.to, c.size + c.zeros, true, false);
    std::memcpy(T.shared + c.to, c.from, c.size);
    std::memset(T.shared + c.to + c.size, 0, c.zeros);
  }
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(done));
}
}  // namespace

void async_wait(Thread& T, int groups_left) {
  const u32 left = static_cast<u32>(groups_left);
  if (T.copies->groups > left) arrive(T, T.copies->groups - left);
}
void async_wait_all(Thread& T) {
  arrive(T, 0xffffffffu);
}

}  // namespace emu
