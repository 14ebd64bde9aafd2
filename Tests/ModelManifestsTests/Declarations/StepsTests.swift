import Testing

@testable import ModelManifests

/// For every list under `steps`, the parsed steps end at 100 %.
@Suite struct StepsTests {
    private static let pieces = [
        "{setWeight: 0}", "{setWeight: 5}", "{setWeight: 50}", "{setWeight: 100}", "{pause: {}}",
        "{pause: {duration: 1m}}",
        "{approval: {}}", "{gate: {name: errors}}", "{mirror: 10}", "{setWeight: 101}", "{}", "{wait: 1m}",
        "{setWeight: 20, pause: {}}",
    ]

    /// Every list of up to three of the entries.
    private static let lists: [[String]] = {
        let one = pieces.map { [$0] }
        let two = one.flatMap { list in pieces.map { list + [$0] } }
        return [[]] + one + two + two.flatMap { list in pieces.map { list + [$0] } }
    }()

    private func isRising(_ steps: [RolloutStep]) -> Bool {
        let weights = steps.compactMap { if case .setWeight(let weight) = $0.action { weight } else { nil } }
        return weights == weights.sorted() && weights.count(where: { $0 == 100 }) == 1
    }

    @Test func `every list of steps is refused, or rises and reaches 100 % exactly once`() {
        var acceptedCount = 0
        for list in Self.lists {
            let written = "[\(list.joined(separator: ", "))]"
            let state = Manifests.resolve(Manifests.deployment(spec: "rollout: {steps: \(written)}"))
            #expect(state.diagnostics.isEmpty != state.deployments.isEmpty, "\(written)")
            guard let steps = state.deployments.values.first?.rollout.steps else { continue }
            acceptedCount += 1
            #expect(steps.last?.action == .setWeight(100), "\(written)")
            #expect(steps.count == list.count, "\(written)")
            #expect(isRising(steps), "\(written)")
        }
        #expect(acceptedCount > 30)
    }

    @Test(arguments: RolloutSpec.Strategy.allCases, ["", "steps: null, "])
    func `default steps come from the strategy, and end at 100 %`(
        _ strategy: RolloutSpec.Strategy, _ steps: String
    ) throws {
        let ab = strategy == .ab ? "ab: {goal: {outcome: {label: bought}}}, " : ""
        let spec = """
            traffic: {sticky: {header: x-user}}
            rollout: {\(steps)\(ab)strategy: \(strategy.rawValue)}
            """
        let read = try Manifests.only(Manifests.deployment(spec: spec)).rollout.steps
        #expect(read.last?.action == .setWeight(100))
        #expect(isRising(read))
    }

    @Test func `reordered steps are a different list, and are refused if the weight would fall`() throws {
        let order = ["{setWeight: 5}", "{approval: {}}", "{setWeight: 50}", "{setWeight: 100}"]
        func read(_ list: [String]) -> DesiredState {
            Manifests.resolve(Manifests.deployment(spec: "rollout: {steps: [\(list.joined(separator: ", "))]}"))
        }
        #expect(read(order).diagnostics.isEmpty)
        #expect(read([order[1], order[0], order[2], order[3]]).diagnostics.isEmpty)
        let problem = read([order[2], order[1], order[0], order[3]]).diagnostics.first
        #expect(problem?.path == "spec.rollout.steps[2].setWeight")
        #expect(problem?.message == "setWeight falls from 50 to 5")
    }
}
