using BackupTool.Cli.Output;

namespace BackupTool.Tests.Cli;

public class ProgressBarTests
{
    private const long MiB = 1 << 20;
    private readonly ManualTime _time = new();

    [Fact]
    public void Shows_nothing_for_work_of_less_than_a_second()
    {
        using var recorded = new RecordedTerminal(watched: true);
        using (var bar = new ProgressBar(recorded.Terminal, _time))
        {
            bar.Begin("store", 100, null);
            bar.Advance(50, 1);
            _time.Advance(0.95);
        }
        recorded.Error.Should().BeEmpty();
    }

    [Fact]
    public void Shows_phase_percent_bytes_rate_and_time_left_and_leaves_no_trace()
    {
        using var recorded = new RecordedTerminal(watched: true, width: 100);
        using (var bar = new ProgressBar(recorded.Terminal, _time))
        {
            bar.Begin("store", 400 * MiB, null);
            for (int i = 0; i < 10; i++)
            {
                bar.Advance(10 * MiB, 1);
                _time.Advance(0.1);
            }
        }
        recorded.Error.Should().Be("store  [#######-----------------------]  25 %  100 MiB of 400 MiB  100 MiB/s  3 s left\r\x1b[2K");
    }

    [Fact]
    public void Redraws_at_most_ten_times_a_second()
    {
        using var recorded = new RecordedTerminal(watched: true);
        using var bar = new ProgressBar(recorded.Terminal, _time);
        bar.Begin("store", 1000 * MiB, null);
        for (int i = 0; i < 3000; i++)
        {
            bar.Advance(MiB / 4, 0);
            _time.Advance(0.001);
        }
        recorded.Error.Split("\r\x1b[2K").Should().HaveCountLessThanOrEqualTo(21).And.HaveCountGreaterThan(15);
    }

    [Fact]
    public void Writes_a_plain_line_every_ten_seconds_where_nobody_watches()
    {
        using var recorded = new RecordedTerminal(journal: true);
        using (var bar = new ProgressBar(recorded.Terminal, _time))
        {
            bar.Begin("verify", 4096 * MiB, null);
            for (int i = 0; i < 250; i++)
            {
                bar.Advance(MiB, 0);
                _time.Advance(0.1);
            }
        }
        recorded.Error.Should().Be(
            "<6>verify: 2 %, 100 MiB of 4.0 GiB, 10.0 MiB/s, 6 min 40 s left\n<6>verify: 4 %, 200 MiB of 4.0 GiB, 10.0 MiB/s, 6 min 30 s left\n");
    }

    [Fact]
    public void Tells_warnings_but_no_progress_when_quiet()
    {
        using var recorded = new RecordedTerminal(watched: true, verbosity: Verbosity.Quiet);
        using var bar = new ProgressBar(recorded.Terminal, _time);
        bar.Begin("store", 100, 1);
        _time.Advance(60);
        bar.Message("m");
        bar.Warn("w");
        recorded.Error.Should().Be("warning: w\n");
    }

    [Fact]
    public void Counts_things_where_bytes_are_unknown()
    {
        var meter = new ProgressMeter("walk", null, 4);
        meter.Read(TimeSpan.Zero);
        meter.Advance(0, 1);
        ProgressBar.Line(meter.Read(TimeSpan.FromSeconds(1)), 60).Should().Be("walk  [#######---------------------]  25 %  1 of 4  3 s left");
    }

    [Fact]
    public void Leaves_the_bar_out_where_there_is_no_room()
    {
        var reading = new ProgressReading("store", 0.5, 50, 100, 0, null, 0, null);
        ProgressBar.Line(reading, 30).Should().Be("store  50 %  50 B of 100 B");
    }

    [Fact]
    public void Never_claims_more_than_the_whole()
    {
        var meter = new ProgressMeter("store", 100, null);
        meter.Read(TimeSpan.Zero);
        meter.Advance(150, 0);
        ProgressReading reading = meter.Read(TimeSpan.FromSeconds(1));
        (reading.Fraction, reading.Left).Should().Be((1.0, TimeSpan.Zero));
    }

    [Fact]
    public void Loses_no_count_of_many_threads()
    {
        var meter = new ProgressMeter("store", null, null);
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 100_000; i++) meter.Advance(3, 1);
        });
        ProgressReading reading = meter.Read(TimeSpan.Zero);
        (reading.Bytes, reading.Items).Should().Be((1_200_000, 400_000));
    }
}
