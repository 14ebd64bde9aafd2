/// Limits how many calls run at once. Others wait, first come, first served.
actor ConcurrencyLimit {
    private var free: Int
    private var waiting: [(ticket: Int, turn: CheckedContinuation<Bool, Never>)] = []
    private var tickets = 0

    init(_ atOnce: Int) { free = max(atOnce, 1) }

    /// - Throws: `CancellationError` if the caller is cancelled before its turn.
    func run<Value: Sendable>(_ work: @Sendable () async throws -> Value) async throws -> Value {
        try await takeTurn()
        defer { endTurn() }
        return try await work()
    }

    private func takeTurn() async throws {
        try Task.checkCancellation()
        guard free == 0 else {
            free -= 1
            return
        }
        tickets += 1
        let ticket = tickets
        let isTurn = await withTaskCancellationHandler {
            await withCheckedContinuation { waiting.append((ticket, $0)) }
        } onCancel: {
            Task { await leave(ticket) }
        }
        guard isTurn else { throw CancellationError() }
    }

    /// If a caller is waiting, it gets the slot directly.
    private func endTurn() {
        guard !waiting.isEmpty else {
            free += 1
            return
        }
        waiting.removeFirst().turn.resume(returning: true)
    }

    private func leave(_ ticket: Int) {
        guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return }
        waiting.remove(at: index).turn.resume(returning: false)
    }
}
