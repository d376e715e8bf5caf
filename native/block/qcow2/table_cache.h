// The tables of a qcow2 file that were used last, by their place.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

namespace beeline::block::qcow2 {

template <class Table> class TableCache {
public:
    explicit TableCache(size_t most) : most_(most) {}

    /// nullptr: it is not there. Valid until the next insert().
    Table* find(uint64_t offset) {
        if (!order_.empty() && order_.front().first == offset) return &order_.front().second;
        const auto found = places_.find(offset);
        if (found == places_.end()) return nullptr;
        order_.splice(order_.begin(), order_, found->second);
        return &order_.front().second;
    }
    Table* insert(uint64_t offset, Table table) {
        erase(offset);
        if (order_.size() == most_) {
            places_.erase(order_.back().first);
            order_.pop_back();
        }
        order_.emplace_front(offset, std::move(table));
        places_[offset] = order_.begin();
        return &order_.front().second;
    }
    void erase(uint64_t offset) {
        const auto found = places_.find(offset);
        if (found == places_.end()) return;
        order_.erase(found->second);
        places_.erase(found);
    }

private:
    using Order = std::list<std::pair<uint64_t, Table>>;
    const size_t most_;
    Order order_; ///< The last used first.
    std::unordered_map<uint64_t, typename Order::iterator> places_;
};

} // namespace beeline::block::qcow2
