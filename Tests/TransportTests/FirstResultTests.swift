import Testing

@testable import Transport

@Suite("A result that several may bring", .timeLimit(.minutes(10)))
struct FirstResultTests {
    private struct Failed: Error {}

    @Test("the first result counts, whether it comes before the wait or during it")
    func first() async throws {
        let before = FirstResult<Int>()
        let isFirst = [before.bring(.success(1)), before.bring(.success(2))]
        #expect(isFirst == [true, false])
        #expect(try await before.value() == 1)
        let during = FirstResult<Int>()
        let waiting = Task { try await during.value() }
        during.bring(.failure(Failed()))
        #expect(!during.bring(.success(3)))
        await #expect(throws: Failed.self) { try await waiting.value }
    }
}
