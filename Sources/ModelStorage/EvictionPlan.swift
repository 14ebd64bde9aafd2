/// Decides which models leave the cache: the least recently used first, and never one that is in use. Pure.
enum EvictionPlan {
    struct Model: Hashable, Sendable {
        var hex: String
        var bytes: Int64
        /// Seconds since 1970.
        var lastUsedAt: Double
    }

    /// - Parameters:
    ///   - neededBytes: room that must be free in addition.
    ///   - inUse: hex digests; nil while they are unknown. Then nothing is evicted.
    ///   - now: seconds since 1970.
    static func victims(
        _ models: [Model], neededBytes: Int64, inUse: Set<String>?, now: Double, limits: StorageLimits
    ) -> [Model] {
        guard let inUse else { return [] }
        var excess = models.reduce(neededBytes - limits.maximumCacheBytes) { $0 + $1.bytes }
        let graceSeconds = Double(limits.evictionGrace.components.seconds)
        let idle = models.filter { !inUse.contains($0.hex) && $0.lastUsedAt + graceSeconds <= now }
        var victims: [Model] = []
        for model in idle.sorted(by: { ($0.lastUsedAt, $0.hex) < ($1.lastUsedAt, $1.hex) }) where excess > 0 {
            victims.append(model)
            excess -= model.bytes
        }
        return victims
    }
}
