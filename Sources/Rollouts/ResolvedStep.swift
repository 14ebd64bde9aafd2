import ModelManifests

/// One step as it was done: its line, and the gate that the line names.
package struct ResolvedStep: Codable, Equatable, Sendable {
    package var step: RolloutStep
    package var gate: GateSpec?
}

extension RolloutSpec {
    /// The steps as they are followed. The list always ends with a single `setWeight: 100`, so that no edit can make a
    /// list with nothing left to do.
    package var marks: [ResolvedStep] {
        let all = steps.last { $0.action == .setWeight(100) } ?? RolloutStep(.setWeight(100))
        let listed = steps.filter { $0.action != .setWeight(100) } + [all]
        return listed.map { step in
            guard case .gate(let name) = step.action else { return ResolvedStep(step: step, gate: nil) }
            return ResolvedStep(step: step, gate: gates.first { $0.name == name })
        }
    }
}

extension Rollout {
    /// After what the list has in common with `before`, all of which was passed, there is a step that this rollout takes,
    /// beside the last one.
    func takesNewSteps(of list: [ResolvedStep], since before: [ResolvedStep]) -> Bool {
        let passed = zip(list, before).prefix { $0 == $1 }.count
        return nextApplicableStep(from: passed, of: list) < list.count - 1
    }
}

extension Stepping {
    /// Finds the position in a list that may have changed. Steps that are done and are still at the start of the list
    /// stay done; the first step that differs is next.
    ///
    /// This never raises the weight. It lowers the weight at once to what the new list gives at that position.
    /// - Returns: whether the position or the step changed.
    mutating func findPosition(in list: [ResolvedStep]) -> Bool {
        let kept = zip(done, list).prefix { $0 == $1 }.count
        let next = kept < list.count ? list[kept] : nil
        if kept == done.count, current == nil || current == next { return false }
        let keepsClock = kept == done.count && current?.isTimedPause == true && next?.isTimedPause == true
        done = Array(done.prefix(kept))
        current = keepsClock ? next : nil
        isApproved = false
        awaitsAvailability = false
        let before = Self.shares(after: list.prefix(kept))
        let allowed = next.map { Self.shares(after: list.prefix(kept) + [$0]) } ?? before
        weight = min(weight, max(before.weight, allowed.weight))
        mirror = min(mirror, max(before.mirror, allowed.mirror))
        return true
    }

    /// The candidate's shares after these steps. Only a promotion gives it all the traffic.
    private static func shares(after steps: some Sequence<ResolvedStep>) -> (weight: Int, mirror: Int) {
        steps.reduce(into: (weight: 0, mirror: 0)) { shares, mark in
            switch mark.step.action {
            case .setWeight(let weight) where weight < 100:
                shares.weight = weight
                if weight > 0 { shares.mirror = 0 }
            case .mirror(let share): shares.mirror = share
            case .setWeight, .pause, .gate, .approval: break
            }
        }
    }

    /// The step's effect on the traffic when it begins.
    mutating func applyShares(of step: RolloutStep) {
        switch step.action {
        case .setWeight(let weight) where weight < 100:
            self.weight = weight
            // Once it has a weight, the candidate gets no more copies.
            if weight > 0 { mirror = 0 }
        case .mirror(let share): mirror = share
        case .setWeight, .gate, .pause, .approval: break
        }
    }
}

extension ResolvedStep {
    fileprivate var isTimedPause: Bool { if case .pause(_?) = step.action { true } else { false } }
}
