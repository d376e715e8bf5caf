// Student's t-test, of whether two samples have the same mean.
import { gammaln, mean } from 'simple-statistics';

const largest = 1e300;
const steps = 300;
const enough = 1e-15;

/** The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const numerator = (step: number) => {
    const half = Math.floor(step / 2);
    return step % 2 === 0
      ? (half * (b - half) * x) / ((a + step - 1) * (a + step))
      : (-(a + half) * (a + b + half) * x) / ((a + step - 1) * (a + step));
  };
  const kept = (value: number) => (Math.abs(value) < 1 / largest ? 1 / largest : value);
  let c = 1;
  let d = 0;
  let value = 1;
  for (let step = 1; step <= steps; step++) {
    const factor = numerator(step);
    d = 1 / kept(1 + factor * d);
    c = kept(1 + factor / c);
    value *= c * d;
    if (Math.abs(c * d - 1) < enough) break;
  }
  return 1 / value;
}

/** The regularised incomplete beta function I_x(a, b), for x from 0 to 1. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // Beyond this the fraction of the mirrored function converges faster (DLMF 8.17.4).
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = gammaln(a + b) - gammaln(a) - gammaln(b) + a * Math.log(x) + b * Math.log1p(-x);
  return (Math.exp(front) / a) * betaFraction(x, a, b);
}

function squares(values: readonly number[], middle: number): number {
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
}

/** Two-sided p, supposing equal variances; 1 where there are too few values to tell. */
export function studentT(x: readonly number[], y: readonly number[]): number {
  const freedom = x.length + y.length - 2;
  if (x.length === 0 || y.length === 0 || freedom < 1) return 1;
  const [xMean, yMean] = [mean([...x]), mean([...y])];
  if (xMean === yMean) return 1;
  const variance = (squares(x, xMean) + squares(y, yMean)) / freedom;
  const t2 = (xMean - yMean) ** 2 / (variance * (1 / x.length + 1 / y.length));
  return incompleteBeta(freedom / (freedom + t2), freedom / 2, 0.5);
}
