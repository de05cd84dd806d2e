using BackupTool.Operations.Backup;

namespace BackupTool.Tests.Operations.Backup;

public sealed class ReadAheadTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(256)]
    [InlineData(100_000)]
    public void Gives_everything_in_order(int count)
    {
        using var ahead = new ReadAhead<int>(Enumerable.Range(0, count));
        ahead.ReadAll().Should().Equal(Enumerable.Range(0, count));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300)]
    public void A_failure_comes_after_what_was_drawn_before_it(int count)
    {
        using var ahead = new ReadAhead<int>(Enumerable.Range(0, count + 1).Select(n => n < count ? n : throw new InvalidDataException("broken")));
        var seen = new List<int>();
        FluentActions.Invoking(() => seen.AddRange(ahead.ReadAll().Select(n => { seen.Add(n); return n; }).ToList())).Should().Throw<InvalidDataException>();
        seen.Should().Equal(Enumerable.Range(0, count));
    }

    [Fact]
    public void Who_stops_early_ends_the_drawing()
    {
        int drawn = 0;
        var ahead = new ReadAhead<int>(Enumerable.Range(0, int.MaxValue).Select(n => drawn = n));
        ahead.ReadAll().First().Should().Be(0);
        ahead.Dispose();
        int after = drawn;
        after.Should().BeLessThan(1_000_000, "it draws a bounded number ahead");
        Thread.Sleep(20);
        drawn.Should().Be(after);
    }
}
