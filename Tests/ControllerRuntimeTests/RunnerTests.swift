import Synchronization
import TestSupport
import Testing

@testable import ControllerRuntime

@Suite("A runner", .timeLimit(.minutes(10)))
struct RunnerTests {
    /// Runs a runner beside `body`, which gets the passes as they begin. At the end it stops the runner and waits for
    /// it.
    private func withRunner(
        clock: ManualClock = ManualClock(), configuration: RunnerConfiguration = RunnerConfiguration(),
        reconcile: @escaping @Sendable (String) async -> Requeue,
        body: @Sendable (Runner<String, ManualClock>, inout AsyncStream<String>.Iterator) async throws -> Void
    ) async rethrows {
        let runner = Runner<String, ManualClock>(
            clock: clock, configuration: configuration, generator: SeededRandom(seed: 1))
        let (begun, continuation) = AsyncStream.makeStream(of: String.self)
        async let running: Void = runner.run { key in
            continuation.yield(key)
            return await reconcile(key)
        }
        var passes = begun.makeAsyncIterator()
        try await body(runner, &passes)
        runner.stop()
        await running
        #expect(runner.snapshot.running == 0)
    }

    @Test("runs a key at once, and a delayed one when its time has come")
    func delayed() async {
        let clock = ManualClock()
        await withRunner(clock: clock, reconcile: { _ in .done }) { runner, passes in
            runner.add("later", after: .seconds(10))
            runner.add("now")
            #expect(await passes.next() == "now")
            while clock.deadlines != [ManualClock.Instant(.seconds(10))] { await Task.yield() }
            clock.advance(by: .seconds(10))
            #expect(await passes.next() == "later")
        }
    }

    @Test("a new key that is due earlier does not wait for the key that it was sleeping for")
    func earlierKeyWakes() async {
        let clock = ManualClock()
        await withRunner(clock: clock, reconcile: { _ in .done }) { runner, passes in
            runner.add("far", after: .seconds(3_600))
            await clock.waitForSleepers()
            runner.add("near", after: .seconds(1))
            while clock.deadlines.first != ManualClock.Instant(.seconds(1)) { await Task.yield() }
            clock.advance(by: .seconds(1))
            #expect(await passes.next() == "near")
        }
    }

    @Test("runs a key again if its pass asks for it, without being told")
    func requeues() async {
        let clock = ManualClock()
        let count = Mutex(0)
        await withRunner(
            clock: clock,
            reconcile: { _ in
                let nth = count.withLock {
                    $0 += 1
                    return $0
                }
                return nth < 3 ? .after(.seconds(5)) : .done
            }
        ) { runner, passes in
            runner.add("a")
            for _ in 0..<2 {
                #expect(await passes.next() == "a")
                await clock.waitForSleepers()
                clock.advance(by: .seconds(5))
            }
            #expect(await passes.next() == "a")
        }
        #expect(count.withLock { $0 } == 3)
        #expect(clock.deadlines.isEmpty)
    }

    @Test("never has two workers for one key, nor more workers than allowed, and loses no key")
    func exclusive() async throws {
        struct Seen { var running: Set<Int> = [], peak = 0, overlaps = 0, passes: [Int: Int] = [:] }
        let seen = Mutex(Seen())
        let runner = Runner<Int, ContinuousClock>(
            configuration: RunnerConfiguration(concurrency: 3), generator: SeededRandom(seed: 2))
        async let running: Void = runner.run { key in
            seen.withLock {
                if !$0.running.insert(key).inserted { $0.overlaps += 1 }
                $0.peak = max($0.peak, $0.running.count)
            }
            for _ in 0..<2 { await Task.yield() }
            let passes = seen.withLock { seen in
                seen.running.remove(key)
                seen.passes[key, default: 0] += 1
                return seen.passes[key]!
            }
            // The key adds itself while it runs, so it must run again.
            if passes == 1 { runner.add(key) }
            return .done
        }
        for key in 0..<200 { runner.add(key) }
        // Other tests need the processors too.
        while seen.withLock({ seen in seen.passes.count < 200 || seen.passes.values.contains { $0 < 2 } }) {
            try await ContinuousClock().sleep(for: .milliseconds(1))
        }
        runner.stop()
        await running
        let result = seen.withLock { $0 }
        #expect(result.overlaps == 0)
        #expect(result.peak <= 3)
        #expect(result.passes.count == 200)
    }

    @Test("when stopped, it lets its workers end")
    func gracefulStop() async {
        let clock = ManualClock()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let ended = Mutex(false)
        await withRunner(
            clock: clock,
            reconcile: { _ in
                for await _ in gate {}
                ended.withLock { $0 = !Task.isCancelled }
                return .done
            }
        ) { runner, passes in
            runner.add("a")
            #expect(await passes.next() == "a")
            runner.stop()
            while clock.deadlines != [ManualClock.Instant(.seconds(10))] { await Task.yield() }
            open.finish()
        }
        #expect(ended.withLock { $0 })
    }

    @Test("cancels workers that do not end within the grace period")
    func cancelsStragglers() async {
        let clock = ManualClock()
        let cancelled = Mutex(false)
        await withRunner(
            clock: clock, configuration: RunnerConfiguration(stopGracePeriod: .seconds(2)),
            reconcile: { _ in
                // Ends only by cancellation, because the clock is never moved that far.
                do { try await clock.sleep(for: .seconds(1_000_000)) } catch { cancelled.withLock { $0 = true } }
                return .done
            }
        ) { runner, passes in
            runner.add("a")
            #expect(await passes.next() == "a")
            runner.stop()
            await clock.waitForSleepers(2)
            clock.advance(by: .seconds(2))
        }
        #expect(cancelled.withLock { $0 })
    }

    @Test("ends when its task is cancelled, together with its workers")
    func cancellation() async {
        let clock = ManualClock()
        let runner = Runner<String, ManualClock>(clock: clock)
        let cancelled = Mutex(false)
        let task = Task {
            await runner.run { _ in
                do { try await clock.sleep(for: .seconds(1_000_000)) } catch { cancelled.withLock { $0 = true } }
                return .done
            }
        }
        runner.add("a")
        await clock.waitForSleepers()
        task.cancel()
        await task.value
        #expect(cancelled.withLock { $0 })
        #expect(runner.snapshot.running == 0)
    }
}
