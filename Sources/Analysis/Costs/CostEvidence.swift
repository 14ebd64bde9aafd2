import ModelManifests

/// The evidence of a cost gate. Costs are compared block by block, with both sides over the same time.
///
/// # Guarantees None about false alarms. Costs of successive blocks depend on one another and on the machine: a garbage
/// collector runs now and then, threads work without requests, another core is slower. So a failure takes several
/// blocks in a row, and each block uses the interpretation that is best for the candidate: what a server costs without
/// requests does not count as a cost of its requests.
struct CostEvidence: Codable, Hashable, Sendable {
    /// A block with fewer requests on one side says nothing about CPU.
    static let leastRequests = 50.0

    private var block = CostBlock()
    private var blockBeganSeconds: Double?
    /// The previous block, which is displayed.
    private var last: CostBlock?
    private var lastLevel: CostLevel?
    private var idle: IdleCost?
    private var usual: TypicalCost?
    private var run: CostStreak?
    private var leak: LeakEvidence?
    /// Whether the last interval with requests had no costs of a side.
    private var isUnmeasured = true
    private var isSettling = true
    /// The candidate's requests that were measured.
    private var requests = 0.0
    private var problem: String?

    init(_ gate: CostGate) {
        switch gate.metric {
        case .cpuPerRequest:
            run = CostStreak()
            idle = IdleCost()
            usual = TypicalCost()
        case .memory: run = CostStreak()
        case .leak: leak = LeakEvidence()
        }
    }

    var samples: Int { Int(countable: requests) }

    /// - Parameter seconds: since the candidate's first traffic.
    mutating func absorb(_ interval: Interval, _ gate: CostGate, atSeconds seconds: Double) {
        problem = interval.impossibilityOfCosts
        guard problem == nil else { return }
        isSettling = seconds < gate.initialDelay / .seconds(1)
        guard let added = CostBlock(interval) else {
            // Intervals without costs lie between two readings of costs.
            isUnmeasured = isUnmeasured || interval.hasCosts
            return
        }
        isUnmeasured = false
        guard !isSettling else { return }
        requests += added.candidate.requests
        let length = gate.interval / .seconds(1)
        idle?.absorb(added, over: length)
        block = block + added
        let began = blockBeganSeconds ?? seconds
        blockBeganSeconds = began
        guard seconds - began >= length, hasEnough(gate) else { return }
        judge(gate, endingAt: seconds)
        last = block
        block = CostBlock()
        blockBeganSeconds = seconds
    }

    private func hasEnough(_ gate: CostGate) -> Bool {
        gate.metric != .cpuPerRequest
            || min(block.stable.requests, block.candidate.requests) >= Self.leastRequests
    }

    private mutating func judge(_ gate: CostGate, endingAt seconds: Double) {
        let tolerance = 1 + gate.maxRelativeIncrease
        switch gate.metric {
        case .cpuPerRequest:
            usual?.absorb(block.stable)
            note(.ofCPU(block, tolerance: tolerance, idle: idle?.bound, usual: usual?.perRequest))
        case .memory: note(.ofMemory(block, tolerance: tolerance))
        case .leak: leak?.absorb(block, endingAt: seconds, maxBytesPerHour: gate.maxBytesPerHour)
        }
    }

    private mutating func note(_ level: CostLevel) {
        run?.note(level)
        lastLevel = level
    }

    func verdict(_ gate: CostGate) -> Verdict {
        let found: Verdict =
            if let leak {
                leak.verdict
            } else {
                run?.verdict(failureLimit: gate.failureLimit) ?? .insufficient
            }
        return found == .pass && samples < gate.minSamples ? .insufficient : found
    }

    // MARK: - For people

    func reason(_ gate: CostGate) -> String {
        if let problem { return "\(problem): not measured" }
        guard last != nil || leak.map({ $0.points > 0 }) == true else { return waiting(gate) }
        var text: String
        switch gate.metric {
        case .cpuPerRequest: text = cpuText(gate)
        case .memory: text = memoryText(gate)
        case .leak: text = leakText(gate)
        }
        if samples < gate.minSamples { text += "; \(EvidenceText.count(gate.minSamples - samples, "sample")) to go" }
        return text
    }

    private func waiting(_ gate: CostGate) -> String {
        if isSettling {
            return "waits \(EvidenceText.seconds(gate.initialDelay / .seconds(1))) for the candidate to settle"
        }
        if isUnmeasured {
            return
                "CPU and memory of one side are not measured yet: an instance is measured from its first requests on, and only "
                + "on this machine"
        }
        guard gate.metric == .cpuPerRequest else { return "the first block is in progress" }
        for (side, counts) in [("the candidate", block.candidate), ("stable", block.stable)] where counts.requests == 0
        {
            return "no requests of \(side) yet"
        }
        return
            "the first block is in progress: \(EvidenceText.count(block.candidate.requests)) requests of the candidate and "
            + "\(EvidenceText.count(block.stable.requests)) of stable, of at least \(Int(Self.leastRequests)) each"
    }

    private func cpuText(_ gate: CostGate) -> String {
        guard let last, let own = last.candidate.cpuPerRequest, let theirs = last.stable.cpuPerRequest else {
            return ""
        }
        func side(_ name: String, _ cost: Double, _ counts: CostCounts) -> String {
            "\(name) \(EvidenceText.milliseconds(cost)) of CPU a request (\(EvidenceText.count(counts.requests)) requests)"
        }
        var text =
            "\(side("candidate", own, last.candidate)), \(side("stable", theirs, last.stable)), "
            + "ratio \(EvidenceText.number(theirs > 0 ? own / theirs : .infinity))"
        if let bound = idle?.bound, lastLevel == .unclear {
            text +=
                "; an instance may use up to \(EvidenceText.percent(bound)) of a core without requests, so the candidate needs "
                + "more requests for a verdict: raise its weight"
        }
        return text + runText(gate)
    }

    private func memoryText(_ gate: CostGate) -> String {
        guard let last else { return "" }
        let (own, theirs) = (last.candidate.bytesPerInstance, last.stable.bytesPerInstance)
        return "candidate \(EvidenceText.bytes(own)) an instance, stable \(EvidenceText.bytes(theirs)), "
            + "ratio \(EvidenceText.number(theirs > 0 ? own / theirs : .infinity))" + runText(gate)
    }

    private func runText(_ gate: CostGate) -> String {
        guard let run else { return "" }
        let allowed = EvidenceText.percent(gate.maxRelativeIncrease)
        return "; more than \(allowed) above stable in \(EvidenceText.count(run.above, "block")) in a row of "
            + "\(EvidenceText.count(run.blocks)), and the gate fails with more than \(EvidenceText.count(gate.failureLimit))"
    }

    private func leakText(_ gate: CostGate) -> String {
        guard let leak, leak.points >= LeakEvidence.leastPoints, let growth = leak.growth else {
            return
                "\(EvidenceText.count(leak?.points ?? 0)) of \(LeakEvidence.leastPoints) blocks that a trend needs"
        }
        return
            "memory grows by \(EvidenceText.bytes(growth.candidate)) an hour in an instance of the candidate and by "
            + "\(EvidenceText.bytes(growth.stable)) in one of stable at that load, at most "
            + "\(EvidenceText.bytes(Double(gate.maxBytesPerHour))) more allowed; the gate fails if that continues through "
            + "\(EvidenceText.count(leak.points, "block"))"
    }
}

extension Interval {
    fileprivate var hasCosts: Bool {
        stable.named[CostCounter.instanceSeconds] != nil || candidate.named[CostCounter.instanceSeconds] != nil
    }

    fileprivate var impossibilityOfCosts: String? {
        if let found = stable.impossibility { return "stable reports \(found)" }
        return candidate.impossibility.map { "candidate reports \($0)" }
    }
}
