import ModelManifests

/// One step as it was done: its line, and the gate that the line names.
public struct StepMark: Codable, Equatable, Sendable {
    public var step: RolloutStep
    public var gate: GateSpec?
}

extension RolloutSpec {
    /// The steps as they are followed. A list always ends with all of the traffic, and has that nowhere else, so that no
    /// edit can make "nothing is left to do" of it.
    public var marks: [StepMark] {
        let all = steps.last { $0.action == .setWeight(100) } ?? RolloutStep(.setWeight(100))
        let listed = steps.filter { $0.action != .setWeight(100) } + [all]
        return listed.map { step in
            guard case .gate(let name) = step.action else { return StepMark(step: step, gate: nil) }
            return StepMark(step: step, gate: gates.first { $0.name == name })
        }
    }
}

extension Rollout {
    /// After what the list has in common with `before`, all of which was passed, there is a step that this rollout takes,
    /// beside the last one.
    func takesNewSteps(of list: [StepMark], since before: [StepMark]) -> Bool {
        let passed = zip(list, before).prefix { $0 == $1 }.count
        return stepTaken(from: passed, of: list) < list.count - 1
    }
}

extension Stepping {
    /// Finds its place in a list that may have changed: steps that are done and still stand at the front stay done, and the
    /// first that differs is the next to do.
    ///
    /// The weight does not rise by it. It falls at once to what the new list gives at that place.
    /// - Returns: whether the place is another, or the step is.
    mutating func findPlace(in list: [StepMark]) -> Bool {
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

    /// What these steps leave the candidate with. All of the traffic is given by promotion alone.
    private static func shares(after steps: some Sequence<StepMark>) -> (weight: Int, mirror: Int) {
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

    /// The step's effect on the traffic, as it begins.
    mutating func takeEffect(of step: RolloutStep) {
        switch step.action {
        case .setWeight(let weight) where weight < 100:
            self.weight = weight
            // Traffic of its own takes the place of copies.
            if weight > 0 { mirror = 0 }
        case .mirror(let share): mirror = share
        case .setWeight, .gate, .pause, .approval: break
        }
    }
}

extension StepMark {
    fileprivate var isTimedPause: Bool { if case .pause(_?) = step.action { true } else { false } }
}
