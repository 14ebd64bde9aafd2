import ControllerRuntime
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("A steady clock")
struct SteadyClockTests {
    /// A wall clock that can be set.
    private final class Wall: Sendable {
        private let date: Mutex<Date>
        init(_ seconds: TimeInterval) { date = Mutex(Date(timeIntervalSince1970: seconds)) }
        var now: Date { date.withLock { $0 } }
        func set(_ seconds: TimeInterval) { date.withLock { $0 = Date(timeIntervalSince1970: seconds) } }
    }

    @Test("starts with the wall clock and runs with the monotonic one")
    func runs() {
        let (wall, monotonic) = (Wall(1_000), ManualClock())
        let clock = SteadyClock(wall: { wall.now }, monotonic: monotonic)
        #expect(clock.now() == Date(timeIntervalSince1970: 1_000))
        monotonic.advance(by: .milliseconds(90_500))
        #expect(clock.now() == Date(timeIntervalSince1970: 1_090.5))
    }

    @Test("is not affected when the wall clock jumps", arguments: [-86_400.0, 86_400.0])
    func jumps(by jump: TimeInterval) {
        let (wall, monotonic) = (Wall(100_000), ManualClock())
        let clock = SteadyClock(wall: { wall.now }, monotonic: monotonic)
        monotonic.advance(by: .seconds(10))
        wall.set(100_010 + jump)
        #expect(clock.now() == Date(timeIntervalSince1970: 100_010))
        #expect(clock.skew() == .seconds(jump))
        monotonic.advance(by: .seconds(5))
        #expect(clock.now() == Date(timeIntervalSince1970: 100_015))
    }

    @Test("after a restart with a wall clock that was set back, continues from the latest recorded time")
    func floor() {
        let (wall, monotonic) = (Wall(500), ManualClock())
        let clock = SteadyClock(
            notEarlierThan: Date(timeIntervalSince1970: 1_000), wall: { wall.now }, monotonic: monotonic)
        #expect(clock.now() == Date(timeIntervalSince1970: 1_000))
        monotonic.advance(by: .seconds(3))
        #expect(clock.now() == Date(timeIntervalSince1970: 1_003))
    }

    @Test("a recorded time that is long past changes nothing")
    func pastFloor() {
        let wall = Wall(5_000)
        let clock = SteadyClock(
            notEarlierThan: Date(timeIntervalSince1970: 1_000), wall: { wall.now }, monotonic: ManualClock())
        #expect(clock.now() == Date(timeIntervalSince1970: 5_000))
    }
}
