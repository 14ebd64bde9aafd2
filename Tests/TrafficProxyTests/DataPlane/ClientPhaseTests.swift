import Testing

@testable import TrafficProxy

/// What a client connection does next, decided without a socket.
@Suite struct ClientPhaseTests {
    private func exchange(isWhole: Bool = true, answerHasBegun: Bool = false) -> Exchange {
        var exchange = Exchange()
        exchange.requestIsWhole = isWhole
        exchange.answerHasBegun = answerHasBegun
        return exchange
    }

    private func buffers(
        isUpstreamWritable: Bool? = nil, request: Int = 0, pipelined: Int = 0
    ) -> ClientPhase.Buffers {
        ClientPhase.Buffers(
            isUpstreamWritable: isUpstreamWritable, requestBytes: request, requestBytesMax: 100,
            pipelinedBytes: pipelined, pipelinedBytesMax: 10)
    }

    @Test("every phase can end, and a closed connection stays closed")
    func ends() {
        for phase in ClientPhase.allCases {
            #expect(phase.canBecome(.closed))
            if phase != .closed { #expect(!ClientPhase.closed.canBecome(phase)) }
        }
    }

    @Test("only a request in progress leads to idle or to lingering, and lingering leads nowhere else")
    func transitions() {
        for phase in ClientPhase.allCases {
            #expect(phase.canBecome(.idle) == (phase == .exchanging))
            #expect(phase.canBecome(.lingering) == (phase == .exchanging))
            #expect(phase.canBecome(.exchanging) == [.idle, .readingHead].contains(phase))
            #expect(phase.canBecome(.readingHead) == (phase == .idle))
        }
    }

    @Test("bytes are read while a head is awaited, and discarded at the end", arguments: ClientPhase.allCases)
    func readsOutsideRequests(phase: ClientPhase) {
        guard phase != .exchanging else { return }
        #expect(phase.reads(requestIsWhole: false, buffers(isUpstreamWritable: false, request: 100, pipelined: 11)))
    }

    @Test("a body is read only while there is room for it")
    func readsBodies() {
        #expect(ClientPhase.exchanging.reads(requestIsWhole: false, buffers(request: 99)))
        #expect(!ClientPhase.exchanging.reads(requestIsWhole: false, buffers(request: 100)))
        // With a connection, that connection says whether there is room.
        #expect(ClientPhase.exchanging.reads(requestIsWhole: false, buffers(isUpstreamWritable: true, request: 100)))
        #expect(!ClientPhase.exchanging.reads(requestIsWhole: false, buffers(isUpstreamWritable: false)))
        // A full buffer of a whole request does not matter any more.
        #expect(ClientPhase.exchanging.reads(requestIsWhole: true, buffers(isUpstreamWritable: false, request: 100)))
    }

    @Test("requests that arrive early are read up to a limit", arguments: [true, false])
    func readsEarlyRequests(isWhole: Bool) {
        #expect(ClientPhase.exchanging.reads(requestIsWhole: isWhole, buffers(isUpstreamWritable: true, pipelined: 10)))
        #expect(
            !ClientPhase.exchanging.reads(requestIsWhole: isWhole, buffers(isUpstreamWritable: true, pipelined: 11)))
    }

    @Test("a deadline ends what it bounds, and blames whoever had to send")
    func deadlines() {
        func at(_ phase: ClientPhase, _ exchange: Exchange, isQueued: Bool = false, isReading: Bool = true)
            -> ClientPhase.AtDeadline
        {
            phase.atDeadline(exchange, isQueued: isQueued, isReading: isReading)
        }
        #expect(at(.idle, exchange()) == .close)
        #expect(at(.lingering, exchange(answerHasBegun: true)) == .close)
        #expect(at(.readingHead, exchange()) == .refuseHead)
        #expect(at(.closed, exchange()) == .nothing)
        #expect(at(.exchanging, exchange()) == .failAttempt)
        // The client has to send the rest of its body.
        #expect(at(.exchanging, exchange(isWhole: false)) == .refuseBody)
        // The proxy does not read, because the instance takes no more: the instance is at fault.
        #expect(at(.exchanging, exchange(isWhole: false), isReading: false) == .failAttempt)
        #expect(at(.exchanging, exchange(isWhole: false), isQueued: true) == .leaveQueue)
        #expect(at(.exchanging, exchange(isWhole: false, answerHasBegun: true), isQueued: true) == .endStalledAnswer)
    }
}
