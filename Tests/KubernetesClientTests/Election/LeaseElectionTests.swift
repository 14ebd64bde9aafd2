import TestSupport
import Testing

@testable import KubernetesClient

@Suite("Leader election as a state machine")
struct LeaseElectionTests {
    typealias Proposal = LeaseElection.Proposal

    static func lease(_ holder: String, version: String, renewTime: String = "r0", transitions: Int = 0) -> Lease {
        Lease(
            metadata: ObjectMetadata(name: "mlctl", namespace: "a", resourceVersion: version),
            spec: .init(
                holderIdentity: holder, leaseDurationSeconds: 15, acquireTime: "then", renewTime: renewTime,
                leaseTransitions: transitions))
    }

    @Test("a missing lease is created, and renewed every two seconds without reading it again")
    func first() {
        var election = LeaseElection(holder: "me")
        #expect(election.start() == .read)
        #expect(election.absent(now: .zero) == .create(Proposal(holder: "me", leaseSeconds: 15, transitions: 0)))
        #expect(election.wrote(Self.lease("me", version: "1"), now: .milliseconds(50)) == .wait(.seconds(2)))
        #expect(election.state == .leading(renewedAt: .zero))
        #expect(
            election.waited(now: .seconds(2))
                == .update(Proposal(holder: "me", leaseSeconds: 15, transitions: 0, acquireTime: "then"), version: "1"))
    }

    @Test("a lease that others renew is left alone; one that does not change is taken over after its whole duration")
    func takeover() {
        var election = LeaseElection(holder: "me")
        #expect(election.read(Self.lease("you", version: "1"), now: .zero) == .wait(.seconds(2)))
        #expect(
            election.read(Self.lease("you", version: "2", renewTime: "r1"), now: .seconds(14)) == .wait(.seconds(2)))
        #expect(
            election.read(Self.lease("you", version: "2", renewTime: "r1"), now: .seconds(28)) == .wait(.seconds(2)))
        #expect(!election.isLeading(at: .seconds(28)))
        #expect(
            election.read(Self.lease("you", version: "2", renewTime: "r1"), now: .seconds(29))
                == .update(Proposal(holder: "me", leaseSeconds: 15, transitions: 1), version: "2"))
    }

    @Test("times in the lease are ignored: a holder whose clock is a day off gets the same wait")
    func skew() {
        var election = LeaseElection(holder: "me")
        let ahead = Self.lease("you", version: "1", renewTime: "2099-01-01T00:00:00.000000Z")
        #expect(election.read(ahead, now: .seconds(1)) == .wait(.seconds(2)))
        let behind = Self.lease("you", version: "2", renewTime: "1999-01-01T00:00:00.000000Z")
        #expect(election.read(behind, now: .seconds(2)) == .wait(.seconds(2)))
    }

    @Test("a lease that somebody edited to last an hour is taken over after the candidate's own duration")
    func editedDuration() {
        var election = LeaseElection(holder: "me")
        var edited = Self.lease("you", version: "1")
        edited.spec.leaseDurationSeconds = 3600
        #expect(election.read(edited, now: .zero) == .wait(.seconds(2)))
        #expect(election.read(edited, now: .milliseconds(14_900)) == .wait(.seconds(2)))
        #expect(
            election.read(edited, now: .seconds(15))
                == .update(Proposal(holder: "me", leaseSeconds: 15, transitions: 1), version: "1"))
        // A lease that names a shorter duration is not taken over sooner either.
        var other = LeaseElection(holder: "me")
        edited.spec.leaseDurationSeconds = 1
        #expect(other.read(edited, now: .zero) == .wait(.seconds(2)))
        #expect(other.read(edited, now: .seconds(5)) == .wait(.seconds(2)))
    }

    @Test("a count of transitions that somebody edited to the API's maximum does not stop the election")
    func editedTransitions() {
        var election = LeaseElection(holder: "me")
        let edited = Self.lease("", version: "1", transitions: Int(Int32.max))
        let action = election.read(edited, now: .zero)
        #expect(
            action == .update(Proposal(holder: "me", leaseSeconds: 15, transitions: Int(Int32.max)), version: "1"))
    }

    @Test("a lease that was given back is taken over at once")
    func released() {
        var election = LeaseElection(holder: "me")
        let action = election.read(Self.lease("", version: "4", transitions: 3), now: .zero)
        #expect(action == .update(Proposal(holder: "me", leaseSeconds: 15, transitions: 4), version: "4"))
    }

    @Test("a candidate that loses the race to write waits; a leader that loses it reads at once")
    func races() {
        var election = LeaseElection(holder: "me")
        _ = election.absent(now: .zero)
        #expect(election.lostCompareAndSwap(now: .zero) == .wait(.seconds(2)))
        _ = election.absent(now: .seconds(2))
        _ = election.wrote(Self.lease("me", version: "1"), now: .seconds(2))
        #expect(election.lostCompareAndSwap(now: .seconds(4)) == .read)
        #expect(election.read(Self.lease("you", version: "3"), now: .seconds(4)) == .wait(.seconds(2)))
        #expect(!election.isLeading(at: .seconds(4)))
    }

    @Test("a leader that cannot renew stops ten seconds after it sent its last renewal, before anyone takes over")
    func deadline() {
        var election = LeaseElection(holder: "me")
        _ = election.absent(now: .seconds(100))
        _ = election.wrote(Self.lease("me", version: "1"), now: .seconds(103))
        #expect(election.isLeading(at: .seconds(109)))
        #expect(!election.isLeading(at: .seconds(110)))
        #expect(election.requestLimit(at: .seconds(107)) == .seconds(3))
        #expect(election.failed(now: .seconds(109)) == .wait(.seconds(1)))
        #expect(election.failed(now: .seconds(110)) == .wait(.seconds(2)))
        #expect(election.state == .following)
    }

    @Test("an answer that arrives after the deadline makes no leader")
    func lateAnswer() {
        var election = LeaseElection(holder: "me")
        _ = election.absent(now: .zero)
        _ = election.wrote(Self.lease("me", version: "1"), now: .seconds(11))
        #expect(election.state == .following)
    }

    @Test("a leader gives the lease back; a candidate gives nothing back")
    func release() {
        var election = LeaseElection(holder: "me")
        let nothing = election.release(now: .zero)
        #expect(nothing == nil)
        _ = election.absent(now: .zero)
        _ = election.wrote(Self.lease("me", version: "1", transitions: 2), now: .zero)
        let release = election.release(now: .seconds(1))
        #expect(release?.proposal == Proposal(holder: "", leaseSeconds: 1, transitions: 2, acquireTime: "then"))
        #expect(release?.version == "1")
        #expect(!election.isLeading(at: .seconds(1)))
    }

    /// Candidates, one lease with compare-and-swap, clocks that differ and run unevenly, and requests that get lost.
    @Test("of many candidates never more than one believes that it leads", arguments: 1...40)
    func atMostOne(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var world = ElectionWorld(candidates: 3)
        var led = 0
        for _ in 0..<4000 {
            world.step(&random)
            let leaders = world.leaders
            led += leaders.isEmpty ? 0 : 1
            #expect(leaders.count <= 1, "seed \(seed): \(leaders) at \(world.now)")
        }
        #expect(led > 0, "seed \(seed): nobody ever led")
    }
}

/// Clocks run at 0.9 to 1.1 of real time. The timing allows for that: 15 s against 10 s.
private struct ElectionWorld {
    private struct Candidate {
        var election: LeaseElection
        var action = LeaseElection.Action.read
        var offset: Duration
        var rate: Double
        var wakesAt = Duration.zero
        var isDown = false
    }

    private var candidates: [Candidate]
    private var lease: Lease?
    private var version = 0
    private(set) var now = Duration.zero

    init(candidates count: Int) {
        candidates = (0..<count).map { number in
            Candidate(
                election: LeaseElection(holder: "c\(number)"), offset: .seconds(number * 1000),
                rate: 0.9 + 0.1 * Double(number))
        }
    }

    private func clock(_ candidate: Candidate) -> Duration { candidate.offset + now * candidate.rate }

    var leaders: [String] {
        candidates.filter { $0.election.isLeading(at: clock($0)) }.map(\.election.holder)
    }

    mutating func step(_ random: inout SeededRandom) {
        now += .milliseconds(Int.random(in: 1...700, using: &random))
        for index in candidates.indices where Int.random(in: 0..<60, using: &random) == 0 {
            candidates[index].isDown.toggle()
        }
        let index = Int.random(in: 0..<candidates.count, using: &random)
        guard !candidates[index].isDown || Bool.random(using: &random) else { return }
        carryOut(index, &random)
    }

    private mutating func carryOut(_ index: Int, _ random: inout SeededRandom) {
        let isDown = candidates[index].isDown
        let at = clock(candidates[index])
        // Half of the lost requests took effect: only the answer was lost.
        let isCarriedOut = !isDown || Bool.random(using: &random)
        switch candidates[index].action {
        case .wait(let duration):
            if candidates[index].wakesAt == .zero { candidates[index].wakesAt = at + duration }
            guard at >= candidates[index].wakesAt else { return }
            candidates[index].wakesAt = .zero
            candidates[index].action = candidates[index].election.waited(now: at)
        case .read:
            guard !isDown else { return fail(index, at) }
            candidates[index].action =
                lease.map { candidates[index].election.read($0, now: at) }
                ?? candidates[index].election.absent(now: at)
        case .create(let proposal):
            guard lease == nil else { return lose(index, at) }
            if isCarriedOut { write(proposal, at) }
            if isDown { fail(index, at) } else { succeed(index, at) }
        case .update(let proposal, let version):
            guard lease?.metadata.resourceVersion == version else { return lose(index, at) }
            if isCarriedOut { write(proposal, at) }
            if isDown { fail(index, at) } else { succeed(index, at) }
        }
    }

    private mutating func write(_ proposal: LeaseElection.Proposal, _ at: Duration) {
        version += 1
        lease = Lease(
            metadata: ObjectMetadata(name: "l", resourceVersion: "\(version)"),
            spec: .init(
                holderIdentity: proposal.holder, leaseDurationSeconds: proposal.leaseSeconds, renewTime: "\(at)",
                leaseTransitions: proposal.transitions))
    }

    private mutating func succeed(_ index: Int, _ at: Duration) {
        guard let lease else { return }
        candidates[index].action = candidates[index].election.wrote(lease, now: at)
    }

    private mutating func fail(_ index: Int, _ at: Duration) {
        candidates[index].action = candidates[index].election.failed(now: at)
    }

    private mutating func lose(_ index: Int, _ at: Duration) {
        candidates[index].action = candidates[index].election.lostCompareAndSwap(now: at)
    }
}
