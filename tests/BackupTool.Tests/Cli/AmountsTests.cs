using BackupTool.Cli.Output;

namespace BackupTool.Tests.Cli;

public class AmountsTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.0 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(102_297, "99.9 KiB")]
    [InlineData(102_400, "100 KiB")]
    [InlineData(1_048_575, "1.0 MiB")]
    [InlineData(1_288_490_189, "1.2 GiB")]
    [InlineData(-371_195_904, "-354 MiB")]
    [InlineData(long.MaxValue, "8.0 EiB")]
    [InlineData(long.MinValue, "-8.0 EiB")]
    public void Shows_bytes_with_about_three_digits(long bytes, string expected) => ByteSize.Format(bytes).Should().Be(expected);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("4096", 4096)]
    [InlineData("500M", 524_288_000)]
    [InlineData(" 2 GiB ", 2_147_483_648)]
    [InlineData("1.5g", 1_610_612_736)]
    [InlineData("100kB", 100_000)]
    [InlineData("7 B", 7)]
    public void Reads_bytes_as_people_write_them(string text, long expected)
    {
        ByteSize.TryParse(text, out long bytes).Should().BeTrue();
        bytes.Should().Be(expected);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1")]
    [InlineData("1X")]
    [InlineData("1 MiBs")]
    [InlineData("1.2.3")]
    [InlineData("1e3")]
    [InlineData("9000000P")]
    public void Refuses_what_is_no_amount(string? text) => ByteSize.TryParse(text, out _).Should().BeFalse();

    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(0.0031, "3 ms")]
    [InlineData(0.9999, "1.00 s")]
    [InlineData(1.237, "1.24 s")]
    [InlineData(42.4, "42 s")]
    [InlineData(59.7, "1 min 00 s")]
    [InlineData(125, "2 min 05 s")]
    [InlineData(4320, "1 h 12 min")]
    [InlineData(273_600, "3 d 4 h")]
    [InlineData(-42, "-42 s")]
    public void Shows_time_in_the_units_that_matter(double seconds, string expected) =>
        Duration.Format(TimeSpan.FromSeconds(seconds)).Should().Be(expected);
}
