import Testing

@testable import HTTP1
@testable import TrafficProxy

/// How an answer is forwarded, decided without a socket.
@Suite struct ExchangeTests {
    private func head(_ body: BodyFraming, status: Int = 200) -> ResponseHead {
        ResponseHead(
            status: status, afterVersion: 8, fieldsStart: 17, length: 40, isVersion10: false, keepAlive: true,
            body: body)
    }

    private func planned(
        _ body: BodyFraming, status: Int = 200, endsConnections: Bool = false,
        _ change: (inout Exchange) -> Void = { _ in }
    ) -> (exchange: Exchange, options: HeadWriter.AnswerOptions) {
        var exchange = Exchange()
        change(&exchange)
        let options = exchange.planAnswer(head(body, status: status), endsConnections: endsConnections)
        return (exchange, options)
    }

    @Test("an answer with a length is forwarded unchanged, and the connection stays")
    func length() {
        let (exchange, options) = planned(.length(5))
        #expect(exchange.answerForm == .verbatim && !exchange.isStream && !exchange.closes)
        #expect(options == HeadWriter.AnswerOptions())
    }

    @Test("an answer that ends with its connection gets the chunked coding, so that its end can be told from a failure")
    func untilClose() {
        let (exchange, options) = planned(.untilClose)
        #expect(exchange.answerForm == .chunked && exchange.isStream && !exchange.closes)
        #expect(options.addsTransferEncoding && !options.dropsTransferEncoding)
    }

    @Test("an HTTP/1.0 client gets no chunked coding: the end of the connection is the end of the answer")
    func version10() {
        for body in [BodyFraming.chunked(ChunkedScanner()), .untilClose] {
            let (exchange, options) = planned(body) { $0.isVersion10 = true }
            #expect(exchange.answerForm == (body == .untilClose ? .verbatim : .dechunked))
            #expect(exchange.closes && exchange.isStream)
            #expect(options.connection == .close && options.dropsTransferEncoding && !options.addsTransferEncoding)
        }
        let (exchange, options) = planned(.length(5)) { $0.isVersion10 = true }
        #expect(!exchange.closes && options.connection == .keepAlive)
    }

    @Test("204 never has a transfer coding")
    func noContent() {
        #expect(planned(.none, status: 204).options.dropsTransferEncoding)
        #expect(!planned(.none, status: 200).options.dropsTransferEncoding)
    }

    @Test("the connection ends where the client asked for it, sent only a part, or the proxy must close it")
    func closing() {
        let ends: [(exchange: Exchange, options: HeadWriter.AnswerOptions)] = [
            planned(.length(5)) { $0.keepAlive = false },
            planned(.length(5)) { $0.requestIsWhole = false },
            planned(.length(5), endsConnections: true),
        ]
        for (exchange, options) in ends { #expect(exchange.closes && options.connection == .close) }
    }

    @Test("the proxy's own answer ends the connection in the same cases")
    func ownAnswer() {
        func closes(endsConnections: Bool = false, _ change: (inout Exchange) -> Void = { _ in }) -> Bool {
            var exchange = Exchange()
            change(&exchange)
            exchange.planOwnAnswer(endsConnections: endsConnections)
            return exchange.closes
        }
        #expect(!closes())
        #expect(closes { $0.keepAlive = false })
        #expect(closes { $0.requestIsWhole = false })
        #expect(closes(endsConnections: true))
    }

    @Test("a client that gives up says something about the instance only while the instance had to send")
    func turns() {
        var exchange = Exchange()
        #expect(exchange.isInstancesTurn(readsAnswer: false, readsRequest: true))
        exchange.requestIsWhole = false
        #expect(!exchange.isInstancesTurn(readsAnswer: false, readsRequest: true))
        #expect(exchange.isInstancesTurn(readsAnswer: false, readsRequest: false))
        exchange.answerHasBegun = true
        #expect(exchange.isInstancesTurn(readsAnswer: true, readsRequest: true))
        #expect(!exchange.isInstancesTurn(readsAnswer: false, readsRequest: false))
    }
}
