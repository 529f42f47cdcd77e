#include "counters.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "internal.h"
#include "memory.h"

namespace emu {
namespace {

constexpr u32 kSectorBytes = 32;
constexpr u32 kBanks = 32;
constexpr u32 kBankBytes = 4;

// A warp instruction in the making: the addresses of the lanes that have come by.
struct Record {
  u64 key;
  u32 mask;
  Access access;
  bool in_shared;
  u32 bytes;
  u64 address[32];
};

class Records {
 public:
  Record& at(u64 key, u32 lane) {
    for (;;) {
      if (slots_.size() < 2 * (records_.size() + 1)) grow();
      u32& slot = slots_[find(key)];
      if (!slot) {
        records_.push_back({});
        records_.back().key = key;
        slot = static_cast<u32>(records_.size());
      }
      Record& r = records_[slot - 1];
      if (!(r.mask >> lane & 1)) return r;
      key = key * 0xBF58476D1CE4E5B9ull + 0x632BE59BD9B4E019ull;  // the lane's next occurrence
    }
  }
  const std::vector<Record>& all() const { return records_; }
  void clear() {
    records_.clear();
    std::fill(slots_.begin(), slots_.end(), 0);
  }

 private:
  size_t find(u64 key) const {
    const size_t wrap = slots_.size() - 1;
    size_t i = (key * 0x9E3779B97F4A7C15ull >> 20) & wrap;
    while (slots_[i] && records_[slots_[i] - 1].key != key) i = (i + 1) & wrap;
    return i;
  }
  void grow() {
    slots_.assign(std::max<size_t>(64, slots_.size() * 2), 0);
    for (u32 r = 0; r < records_.size(); r++) slots_[find(records_[r].key)] = r + 1;
  }
  std::vector<Record> records_;
  std::vector<u32> slots_;  // open addressing: number of the record + 1
};

// The sectors that a launch has touched in one way: a bit each, by pages of 4096.
class SectorSet {
 public:
  // Whether the sector is new.
  bool add(u64 sector) {
    const u64 page = sector / kPageSectors;
    if (!recent_ || page != recent_page_) {
      recent_ = &pages_[page];
      recent_page_ = page;
    }
    u64& word = (*recent_)[sector % kPageSectors / 64];
    const u64 bit = 1ull << sector % 64;
    const bool fresh = !(word & bit);
    word |= bit;
    return fresh;
  }
  void clear() {
    pages_.clear();
    recent_ = nullptr;
  }

 private:
  static constexpr u64 kPageSectors = 4096;
  using Page = std::array<u64, kPageSectors / 64>;
  std::unordered_map<u64, Page> pages_;
  Page* recent_ = nullptr;
  u64 recent_page_ = 0;
};

SectorSet touched[3];  // by Access
Counters* counters = nullptr;
std::vector<Records> records;  // by resident warp

// Wavefronts of one shared access: an access of 8 bytes a lane goes by half-warps, one of 16 by quarters;
// lanes that want the same word share it.
u32 wavefronts(const u64* address, u32 mask, u32 bytes, u32& least) {
  const u32 lanes = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  u32 total = 0;
  least = 0;
  for (u32 first = 0; first < 32; first += lanes) {
    u32 words[64], n = 0, bank[kBanks] = {}, worst = 0;
    for (u32 l = first; l < first + lanes; l++) {
      if (!(mask >> l & 1)) continue;
      for (u64 w = address[l] / kBankBytes; w <= (address[l] + bytes - 1) / kBankBytes; w++) {
        words[n++] = static_cast<u32>(w);
      }
    }
    if (!n) continue;
    std::sort(words, words + n);
    n = static_cast<u32>(std::unique(words, words + n) - words);
    for (u32 i = 0; i < n; i++) worst = std::max(worst, ++bank[words[i] % kBanks]);
    total += worst;
    least++;
  }
  return total;
}

void count_shared(Access access, const u64* address, u32 mask, u32 bytes) {
  SharedCount& c = access == Access::kLoad    ? counters->shared_load
                   : access == Access::kStore ? counters->shared_store
                                              : counters->shared_atomic;
  const u64 lanes = static_cast<u64>(__builtin_popcount(mask));
  u32 least;
  c.wavefronts += wavefronts(address, mask, bytes, least);
  c.least_wavefronts += least;
  c.requests++, c.lanes += lanes, c.bytes += lanes * bytes;
}

void count_global(Access access, const u64* address, u32 mask, u32 bytes) {
  GlobalCount& c = access == Access::kLoad    ? counters->global_load
                   : access == Access::kStore ? counters->global_store
                                              : counters->global_atomic;
  u64 sectors[64];
  u32 n = 0;
  for (int l = 0; l < 32; l++) {
    if (!(mask >> l & 1)) continue;
    for (u64 s = address[l] / kSectorBytes; s <= (address[l] + bytes - 1) / kSectorBytes; s++)
      sectors[n++] = s;
  }
  std::sort(sectors, sectors + n);
  const u64 lanes = static_cast<u64>(__builtin_popcount(mask));
  n = static_cast<u32>(std::unique(sectors, sectors + n) - sectors);
  c.sectors += n;
  SectorSet& set = touched[static_cast<int>(access)];
  for (u32 i = 0; i < n; i++) c.distinct_sectors += set.add(sectors[i]);
  c.requests++, c.lanes += lanes, c.bytes += lanes * bytes;
}

}  // namespace

void start_counting(Counters* to, size_t num_warps) {
  counters = to;
  if (!to) return;
  if (records.size() < num_warps) records.resize(num_warps);
  for (Records& r : records) r.clear();
  for (SectorSet& set : touched) set.clear();
}

void flush_counters(const Warp& warp) {
  if (!counters) return;
  Records& own = records[warp.slot];
  for (const Record& r : own.all())
    (r.in_shared ? count_shared : count_global)(r.access, r.address, r.mask, r.bytes);
  own.clear();
}

void count_matrix_rows(bool stores, const u64* rows) {
  u64 address[32] = {};
  std::copy_n(rows, 8, address);
  count_shared(stores ? Access::kStore : Access::kLoad, address, 0xff, 16);
}

// Shared addresses are offsets; others are host addresses, which equal the device's modulo 4096.
char* count_access(Thread& T, char* p, Access access, u32 bytes, u64 key) {
  const u64 address = reinterpret_cast<u64>(p);
  const bool in_shared = is_shared(T, address);
  if (!in_shared && is_local(T, address)) {
    counters->local_bytes += bytes;
    return p;
  }
  Record& r = records[T.warp->slot].at(key + in_shared, T.lane);
  r.mask |= 1u << T.lane;
  r.access = access, r.in_shared = in_shared, r.bytes = bytes;
  r.address[T.lane] = in_shared ? generic_to_shared(T, address) : address;
  return p;
}

}  // namespace emu
