import Testing

@testable import ModelStorage

struct EvictionPlanTests {
    static let models = [
        EvictionPlan.Model(hex: "a", bytes: 40, lastUsedAt: 100),
        EvictionPlan.Model(hex: "b", bytes: 40, lastUsedAt: 50),
        EvictionPlan.Model(hex: "c", bytes: 40, lastUsedAt: 75),
    ]
    static let limits: StorageLimits = {
        var limits = StorageLimits()
        limits.maximumCacheBytes = 100
        limits.evictionGrace = .seconds(10)
        return limits
    }()

    private func victims(needed: Int64 = 0, inUse: Set<String>? = [], now: Double = 1000) -> [String] {
        EvictionPlan.victims(Self.models, neededBytes: needed, inUse: inUse, now: now, limits: Self.limits).map(\.hex)
    }

    @Test("the least recently used models leave first, and no more than needed")
    func order() {
        #expect(victims() == ["b"])
        #expect(victims(needed: 30) == ["b", "c"])
        #expect(victims(needed: 1000) == ["b", "c", "a"])
    }

    @Test("a model in use stays, even over the limit")
    func inUse() {
        #expect(victims(inUse: ["b"]) == ["c"])
        #expect(victims(needed: 1000, inUse: ["a", "b", "c"]).isEmpty)
    }

    @Test("nothing is evicted before it is known what is in use")
    func unknown() { #expect(victims(needed: 1000, inUse: nil).isEmpty) }

    @Test("a model that was just requested stays")
    func grace() {
        #expect(victims(needed: 1000, now: 84) == ["b"])
        #expect(victims(needed: 1000, now: 85) == ["b", "c"])
    }
}
