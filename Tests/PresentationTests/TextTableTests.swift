import Testing

@testable import Presentation

@Suite struct TextTableTests {
    private static var table: TextTable {
        var table = TextTable(["NAME", "PHASE", "DETAIL"])
        table.add(["fraud-scorer", .init("Healthy", .good), "all gates passed at the last look"])
        table.add(["模型", "Paused", .none])
        return table
    }

    @Test("columns are aligned, and lines have no trailing blanks")
    func aligns() {
        #expect(
            Self.table.lines(on: Canvas()) == [
                "NAME          PHASE    DETAIL",
                "fraud-scorer  Healthy  all gates passed at the last look",
                "模型          Paused   -",
            ])
    }

    @Test("the last column shrinks first, then the widest; no line is wider than the canvas")
    func shrinks() {
        #expect(
            Self.table.lines(on: Canvas(width: 36)) == [
                "NAME          PHASE    DETAIL",
                "fraud-scorer  Healthy  all gates pa…",
                "模型          Paused   -",
            ])
        #expect(
            Self.table.lines(on: Canvas(width: 28)) == [
                "NAME       PHASE    DETAIL",
                "fraud-sc…  Healthy  all gat…",
                "模型       Paused   -",
            ])
        for width in 1...80 {
            #expect(Self.table.lines(on: Canvas(width: width)).allSatisfy { $0.columns <= width })
        }
    }

    @Test("colour does not shift the columns")
    func colours() {
        let lines = Self.table.lines(on: Canvas(width: 36, hasColour: true))
        #expect(lines[1] == "fraud-scorer  \u{1B}[32mHealthy\u{1B}[0m  all gates pa…")
        #expect(lines[0] == "\u{1B}[2mNAME\u{1B}[0m          \u{1B}[2mPHASE\u{1B}[0m    \u{1B}[2mDETAIL\u{1B}[0m")
    }
}
