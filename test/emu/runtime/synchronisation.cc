#include "synchronisation.h"

#include <algorithm>

#include "counters.h"
#include "internal.h"

namespace emu {

// Lets the threads of a barrier go once enough have come.
void try_barrier(Block& block, u32 id) {
  Barrier& b = block.barriers[id];
  const u32 expected = b.expected ? b.expected : block.alive;
  if (b.waiting + b.arrived == 0 || b.waiting + b.arrived < expected) return;
  for (u32 i = 0; i < block.num_threads; i++) {
    Thread& t = block.threads[i];
    if (!t.blocked || t.barrier != static_cast<int>(id)) continue;
    t.blocked = false, t.barrier = -1, t.barrier_result = b.sum;
  }
  if (expected == block.alive) {
    for (u32 w = 0; w < block.num_warps; w++) flush_counters(block.warps[w]);
  }
  b = {};
  block.epoch++;
}

u32 barrier(Thread& T, u32 id, u32 count, u32 brought, bool arriving) {
  if (id > 15) fail(T, Fault::kOther, "a barrier's number must be below 16");
  if (count & 31) fail(T, Fault::kOther, "a barrier's thread count must be a multiple of the warp size");
  Barrier& b = T.block->barriers[id];
  b.expected = count;
  b.sum += brought;
  if (arriving) {
    b.arrived++;
    try_barrier(*T.block, id);
    return 0;
  }
  b.waiting++;
  T.blocked = true, T.barrier = static_cast<int>(id), T.waits_at = "barrier";
  try_barrier(*T.block, id);
  while (T.blocked) yield(T);
  return T.barrier_result;
}

namespace {

// The lanes of `mask` meet; the last to come calls combine(slots, lanes), where slots[l] is lane l's own
// slot.
template <class Slot, class Combine>
void meet(Thread& T, u32 mask, int kind, Slot& slot, Combine combine) {
  Warp& w = *T.warp;
  if (!(mask >> T.lane & 1))
    fail(T, Fault::kOther, "warp collective: the calling lane is not in its own mask");
  w.mask[T.lane] = mask, w.kind[T.lane] = kind, w.payload[T.lane] = &slot;
  w.waiting |= 1u << T.lane;
  for (;;) {
    if (!(w.waiting >> T.lane & 1)) return;  // another lane has combined
    const u32 need = mask & w.exists & ~w.exited;
    bool complete = (w.waiting & need) == need;
    for (u32 rest = need; complete && rest; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      complete = w.mask[lane] == mask && w.kind[lane] == kind;
    }
    if (complete) {
      Slot* slots[32];
      for (int lane = 0; lane < 32; lane++) {
        slots[lane] = need >> lane & 1 ? static_cast<Slot*>(w.payload[lane]) : nullptr;
      }
      combine(slots, need);
      w.waiting &= ~need;
      if (need == (w.exists & ~w.exited)) {
        w.epoch++;
        flush_counters(w);
      }
      for (u32 rest = need; rest; rest &= rest - 1) w.threads[__builtin_ctz(rest)]->blocked = false;
      return;
    }
    T.blocked = true, T.waits_at = "warp collective";
    yield(T);
  }
}

template <class Slot, class F>
void for_each(Slot** slots, F f) {
  for (int lane = 0; lane < 32; lane++) {
    if (slots[lane]) f(lane, *slots[lane]);
  }
}

// Kinds tell apart collectives that must not meet one another.
enum Kind { kSync, kShuffle = 10, kVote = 20, kMatch = 30, kReduce = 40, kElect = 50, kMatrix = 60 };

struct Nothing {};

}  // namespace

void sync_warp(Thread& T, u32 mask) {
  Nothing nothing;
  meet(T, mask, kSync, nothing, [](Nothing**, u32) {});
}

// For matrix.cc: the whole warp meets, and `combine` gets every lane's payload.
void meet_warp(Thread& T, int kind, void* payload, void (*combine)(Thread&, void* const*)) {
  Nothing unused;
  Nothing& slot = payload ? *static_cast<Nothing*>(payload) : unused;
  meet(T, T.warp->exists, kMatrix + kind, slot, [&](Nothing** slots, u32 lanes) {
    if (lanes != 0xffffffffu) fail(T, Fault::kOther, "a matrix instruction needs all 32 lanes of the warp");
    combine(T, reinterpret_cast<void* const*>(slots));
  });
}

u32 shuffle(Thread& T, Shuffle mode, u32 value, u32 lane, u32 clamp, u32 mask, bool& in_range) {
  struct Slot {
    u32 value, lane, clamp, result;
    bool ok;
  } slot = {value, lane, clamp, 0, false};
  meet(T, mask, kShuffle + static_cast<int>(mode), slot, [mode](Slot** slots, u32) {
    for_each(slots, [&](int l, Slot& s) {
      const s32 by = s.lane & 31, limit = s.clamp & 31, segment = s.clamp >> 8 & 31;
      const s32 most = (l & segment) | (limit & ~segment), least = l & segment;
      s32 from = mode == Shuffle::kUp          ? l - by
                 : mode == Shuffle::kDown      ? l + by
                 : mode == Shuffle::kButterfly ? l ^ by
                                               : least | (by & ~segment);
      s.ok = mode == Shuffle::kUp ? from >= most : from <= most;
      if (!s.ok) from = l;
      s.result = slots[from] ? slots[from]->value : 0xBADBAD00u;  // undefined: a lane that takes no part
    });
  });
  in_range = slot.ok;
  return slot.result;
}

u32 vote(Thread& T, Vote mode, bool value, u32 mask) {
  struct Slot {
    bool value;
    u32 result;
  } slot = {value, 0};
  meet(T, mask, kVote + static_cast<int>(mode), slot, [mode](Slot** slots, u32 lanes) {
    u32 ballot = 0;
    for_each(slots, [&](int l, Slot& s) { ballot |= static_cast<u32>(s.value) << l; });
    const u32 result = mode == Vote::kBallot ? ballot
                       : mode == Vote::kAny  ? ballot != 0
                       : mode == Vote::kAll  ? ballot == lanes
                                             : ballot == 0 || ballot == lanes;
    for_each(slots, [&](int, Slot& s) { s.result = result; });
  });
  return slot.result;
}

namespace {
u32 match(Thread& T, int kind, u64 value, u32 mask, bool& all_equal) {
  struct Slot {
    u64 value;
    u32 equal;
    bool all;
  } slot = {value, 0, false};
  meet(T, mask, kMatch + kind, slot, [](Slot** slots, u32 lanes) {
    for_each(slots, [&](int, Slot& s) {
      for_each(slots, [&](int other, Slot& o) { s.equal |= static_cast<u32>(o.value == s.value) << other; });
      s.all = s.equal == lanes;
    });
  });
  all_equal = slot.all;
  return slot.equal;
}
}  // namespace

u32 match_any(Thread& T, u64 value, u32 mask, bool& unused) {
  return match(T, 0, value, mask, unused);
}

u32 match_all(Thread& T, u64 value, u32 mask, bool& all_equal) {
  const u32 equal = match(T, 1, value, mask, all_equal);
  return all_equal ? equal : 0;
}

namespace {
template <class V>
V reduced(Reduction mode, V a, V b) {
  switch (mode) {
    case Reduction::kAdd:
      return static_cast<V>(static_cast<u32>(a) + static_cast<u32>(b));
    case Reduction::kMin:
      return std::min(a, b);
    case Reduction::kMax:
      return std::max(a, b);
    case Reduction::kAnd:
      return a & b;
    case Reduction::kOr:
      return a | b;
    case Reduction::kXor:
      return a ^ b;
  }
  return a;
}
}  // namespace

u32 reduce(Thread& T, Reduction mode, bool is_signed, u32 value, u32 mask) {
  struct Slot {
    u32 value, result;
  } slot = {value, 0};
  meet(T, mask, kReduce + static_cast<int>(mode), slot, [&](Slot** slots, u32 lanes) {
    const int first = __builtin_ctz(lanes);
    u32 total = slots[first]->value;
    for_each(slots, [&](int lane, Slot& s) {
      if (lane == first) return;
      total = is_signed
                  ? static_cast<u32>(reduced<s32>(mode, static_cast<s32>(total), static_cast<s32>(s.value)))
                  : reduced<u32>(mode, total, s.value);
    });
    for_each(slots, [&](int, Slot& s) { s.result = total; });
  });
  return slot.result;
}

u32 elect(Thread& T, u32 mask, bool& chosen) {
  struct Slot {
    u32 leader;
  } slot = {0};
  meet(T, mask, kElect, slot, [](Slot** slots, u32 lanes) {
    for_each(slots, [&](int, Slot& s) { s.leader = static_cast<u32>(__builtin_ctz(lanes)); });
  });
  chosen = slot.leader == T.lane;
  return slot.leader;
}

}  // namespace emu
