import Testing

@testable import ModelManifests

@Suite struct AliasCountTests {
    @Test func `only names that are anchored somewhere count`() {
        #expect(AliasCount.upperBound("a: &x 1\nb: *x\nc: *x\n") == 2)
        #expect(AliasCount.upperBound("glob: '*.yaml'\nurl: a?b=1&c=2\nmatch: *y\n") == 0)
        #expect(AliasCount.upperBound("plain: text") == 0)
    }

    @Test func `anchors that follow each other are all seen`() {
        #expect(AliasCount.upperBound("[&a 1,&b-c 2,*a,*b-c,**a]") == 3)
    }
}
