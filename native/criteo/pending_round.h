// The rounds after the first in which a column's values get their ids (see vocabulary.h), and what is left
// out for being rare. Files lie beside each other as `<column>.<kind>`, each round's with its number:
//
//   <column>.pending        values put aside while rows were read    (round 1 reads them)
//   <column>.pending-R      values put aside in round R - 1
//   <column>.ids-R          for each value read in round R: its id, or kPending
//   <column>.values-R       the values that got an id in round R, in the order of the ids
#pragma once

#include <cstdint>
#include <string>

namespace pss::criteo {

struct PendingRound {
  std::string prefix;  // path of the files up to the dot
  uint32_t round;      // from 1
  uint64_t first_id;
  uint64_t memory_bytes;
  // Values that occur less often than this get kRareId; 1 keeps all of them.
  uint32_t min_count;
};

struct RoundResult {
  uint64_t values;   // that got an id of their own
  uint64_t pending;  // occurrences left for the next round
};

// The id of all rare values, where there may be some.
constexpr uint32_t kRareId = 0;

// Writes the round's files anew, whatever an earlier attempt left of them.
// Throws CriteoError ERR_READ, ERR_WRITE, ERR_NO_SPACE, ERR_IDS when there are more ids than 32 bits can
// hold.
RoundResult number_pending(const PendingRound& round);

}  // namespace pss::criteo
